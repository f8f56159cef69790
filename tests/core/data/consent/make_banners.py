"""The cookies of Klaro and vanilla-cookieconsent, written by themselves in Chromium.

In this folder: npm install klaro@0.7.22 vanilla-cookieconsent@3.1.0, then
python make_banners.py /usr/bin/chromium > banners.json
"""

import json
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

MODULES = Path.cwd() / "node_modules"
KLARO = """choice => {
  const manager = klaro.getManager({services: [
    {name: "session", purposes: ["necessary"], required: true},
    {name: "meta-pixel", purposes: ["marketing"]},
    {name: "matomo", purposes: ["analytics"]},
  ]});
  if (choice == "all") manager.changeAll(true);
  else if (choice == "none") manager.changeAll(false);
  else manager.updateConsent(choice, true);
  manager.saveAndApplyConsents();
  return manager.getConsent("meta-pixel");
}"""
VANILLA = """async choice => {
  const texts = {consentModal: {title: "?"}, preferencesModal: {sections: []}};
  await CookieConsent.run({
    categories: {necessary: {enabled: true, readOnly: true}, analytics: {}, marketing: {}},
    language: {default: "en", translations: {en: texts}},
  });
  CookieConsent.acceptCategory(choice == "all" ? "all" : choice == "none" ? [] : [choice]);
  return CookieConsent.acceptedCategory("marketing");
}"""
TOOLS = [
    ("klaro 0.7.22", "klaro/dist/klaro-no-css.js", KLARO, ("meta-pixel", "matomo")),
    (
        "vanilla-cookieconsent 3.1.0",
        "vanilla-cookieconsent/dist/cookieconsent.umd.js",
        VANILLA,
        ("marketing", "analytics"),
    ),
]


def written(chromium, script: str, act: str, choice: str) -> dict[str, object]:
    context = chromium.new_context()
    page = context.new_page()
    page.route(
        "**/*", lambda route: route.fulfill(body="<!doctype html>", content_type="text/html")
    )
    page.goto("http://shop.example/")
    page.add_script_tag(path=MODULES / script)
    agreed = page.evaluate(act, choice)
    cookies = page.evaluate("document.cookie")
    context.close()
    return {"choice": choice, "cookies": cookies, "agreed": agreed}


with sync_playwright() as playwright:
    browser = playwright.chromium.launch(executable_path=sys.argv[1], args=["--no-sandbox"])
    made = [
        {"tool": tool, **written(browser, script, act, choice)}
        for tool, script, act, names in TOOLS
        for choice in ("all", "none", *names)
    ]
    browser.close()
print(json.dumps(made, indent=1))
