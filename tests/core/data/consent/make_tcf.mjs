// TC strings as a consent tool writes them, and what the library itself reads in them.
// npm install @iabtcf/core@1.5.6, then: node make_tcf.mjs > tcf.json
import { GVL, TCModel, TCString } from "@iabtcf/core";

const named = (ids) => Object.fromEntries(
  ids.map((id) => [id, { id, name: `${id}`, description: "", illustrations: [] }]));
const upTo = (n) => Array.from({ length: n }, (_, i) => i + 1);
const vendorIds = [...upTo(40), ...Array.from({ length: 60 }, (_, i) => 300 + 7 * i), 1499];
const vendors = Object.fromEntries(vendorIds.map((id) => [id, {
  id, name: `${id}`, purposes: upTo(11), legIntPurposes: [], flexiblePurposes: [],
  specialPurposes: [], features: [], specialFeatures: [],
}]));
const list = new GVL({
  gvlSpecificationVersion: 3, vendorListVersion: 120, tcfPolicyVersion: 5,
  lastUpdated: "2026-01-01T00:00:00Z", purposes: named(upTo(11)), specialPurposes: named([1, 2]),
  features: named([1, 2, 3]), specialFeatures: named([1, 2]), stacks: {}, vendors,
});

const cases = {
  "accepts all": { purposes: upTo(11), vendors: vendorIds },
  "refuses all": { purposes: [], vendors: [] },
  "purpose 1 alone": { purposes: [1], vendors: [] },
  "all but purpose 1": { purposes: upTo(11).slice(1), vendors: vendorIds },
  "three vendors in a bit field": { purposes: [1], vendors: [3, 17, 40] },
  "scattered vendors in ranges": { purposes: [1, 7], vendors: [1, 2, 3, 1499] },
  "vendor 1 alone": { purposes: [1], vendors: [1] },
};
const out = [];
for (const [name, chosen] of Object.entries(cases)) {
  const model = new TCModel(list.clone());
  model.cmpId = 31; model.cmpVersion = 2; model.isServiceSpecific = true;
  model.publisherCountryCode = "SE"; model.consentLanguage = "SV";
  model.purposeConsents.set(chosen.purposes);
  model.vendorConsents.set(chosen.vendors);
  model.vendorLegitimateInterests.set([2, 5]);
  const value = TCString.encode(model);
  const read = TCString.decode(value);
  const agreed = (vendor) => read.purposeConsents.has(1) && read.vendorConsents.has(vendor);
  out.push({
    name, value, purpose_1: read.purposeConsents.has(1),
    vendors: [1, 2, 3, 4, 17, 40, 41, 300, 301, 1499, 1500, 65535].filter(agreed),
  });
}
console.log(JSON.stringify(out, null, 1));
