"""Countries, US states and Canadian provinces: their codes by every name a checkout form may hold.

Facts of ISO 3166-1 (codes and short names) and of the Unicode CLDR (native names).
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_NO_ASCII_LETTER = re.compile(r"[^a-z0-9]+")


def fold(name: str) -> str:
    """The name without case, accents, spaces and punctuation: what two spellings share."""
    if name.isascii():
        return _NO_ASCII_LETTER.sub("", name.lower().replace("&", "and"))
    plain = unicodedata.normalize("NFKD", name.replace("&", "and")).casefold()
    return "".join(letter for letter in plain if letter.isalnum())


def country_code(name: str) -> str | None:
    """ISO 3166-1 alpha-2, lower-case, of a code or a name."""
    key = fold(name)
    return _countries().get(key) or _countries().get(key.removeprefix("the"))


@cache
def _countries() -> Mapping[str, str]:
    codes: dict[str, str] = {}
    for line in _COUNTRIES.splitlines():
        alpha_2, alpha_3, names = line.split(" ", 2)
        for name in (alpha_2, alpha_3, *names.split("|")):
            codes[fold(name)] = alpha_2.lower()
    return codes


def _table(text: str) -> Mapping[str, str]:
    return {name: code for code, name in (entry.split(":") for entry in text.split())}


US_STATES = _table("""
    al:alabama ak:alaska az:arizona ar:arkansas ca:california co:colorado ct:connecticut
    de:delaware fl:florida ga:georgia hi:hawaii id:idaho il:illinois in:indiana ia:iowa ks:kansas
    ky:kentucky la:louisiana me:maine md:maryland ma:massachusetts mi:michigan mn:minnesota
    ms:mississippi mo:missouri mt:montana ne:nebraska nv:nevada nh:newhampshire nj:newjersey
    nm:newmexico ny:newyork nc:northcarolina nd:northdakota oh:ohio ok:oklahoma or:oregon
    pa:pennsylvania ri:rhodeisland sc:southcarolina sd:southdakota tn:tennessee tx:texas ut:utah
    vt:vermont va:virginia wa:washington wv:westvirginia wi:wisconsin wy:wyoming
""")

# No states, so the pixel does not know them; the two-letter code is what Meta's documents ask for.
US_OTHERS = _table("dc:districtofcolumbia dc:washingtondc pr:puertorico")

PROVINCES = _table("""
    ab:alberta bc:britishcolumbia mb:manitoba nb:newbrunswick nl:newfoundlandandlabrador
    ns:novascotia nt:northwestterritories nu:nunavut on:ontario pe:princeedwardisland qc:quebec
    sk:saskatchewan yt:yukon
""")

_COUNTRIES = """\
AD AND Andorra
AE ARE United Arab Emirates|الإمارات العربية المتحدة|UAE
AF AFG Afghanistan|افغانستان
AG ATG Antigua & Barbuda
AI AIA Anguilla
AL ALB Albania|Shqipëria|Shqipëri
AM ARM Armenia|Հայաստան
AO AGO Angola
AQ ATA Antarctica
AR ARG Argentina
AS ASM American Samoa
AT AUT Austria|Österreich
AU AUS Australia
AW ABW Aruba
AX ALA Åland Islands|Åland|Ahvenanmaa
AZ AZE Azerbaijan|Azərbaycan
BA BIH Bosnia & Herzegovina|Bosnia|Bosna i Hercegovina|Босна и Херцеговина|Bosnia Herzegovina
BB BRB Barbados
BD BGD Bangladesh|বাংলাদেশ
BE BEL Belgium|België|Belgique|Belgien
BF BFA Burkina Faso
BG BGR Bulgaria|България
BH BHR Bahrain|البحرين
BI BDI Burundi
BJ BEN Benin
BL BLM St. Barthélemy|Saint Barthélemy
BM BMU Bermuda
BN BRN Brunei|Brunei Darussalam
BO BOL Bolivia|Bolivia, Plurinational State of
BQ BES Caribbean Netherlands|Bonaire, Sint Eustatius and Saba|Bonaire
BR BRA Brazil|Brasil
BS BHS Bahamas
BT BTN Bhutan
BV BVT Bouvet Island|Bouvetøya
BW BWA Botswana
BY BLR Belarus|Беларусь|Belorussia
BZ BLZ Belize
CA CAN Canada
CC CCK Cocos (Keeling) Islands|Cocos Islands|Kepulauan Cocos (Keeling)
CD COD Congo - Kinshasa|Congo, The Democratic Republic of the|Democratic Republic of the Congo
CD COD Democratic Republic of Congo|DR Congo|DRC|République démocratique du Congo
CF CAF Central African Republic|République centrafricaine
CG COG Congo - Brazzaville|Congo|Republic of the Congo|République du Congo
CH CHE Switzerland|Schweiz|Suisse|Svizzera|Svizra
CI CIV Côte d'Ivoire|Ivory Coast
CK COK Cook Islands
CL CHL Chile
CM CMR Cameroon|Cameroun
CN CHN China|中国|People's Republic of China|中國|中华人民共和国
CO COL Colombia
CR CRI Costa Rica
CU CUB Cuba
CV CPV Cape Verde|Cabo Verde
CW CUW Curaçao|Kòrsou
CX CXR Christmas Island
CY CYP Cyprus|Κύπρος|Kıbrıs
CZ CZE Czechia|Česko|Czech Republic|Česká republika
DE DEU Germany|Deutschland|Bundesrepublik Deutschland
DJ DJI Djibouti|جيبوتي
DK DNK Denmark|Danmark
DM DMA Dominica
DO DOM Dominican Republic|República Dominicana
DZ DZA Algeria|الجزائر|Algérie
EC ECU Ecuador
EE EST Estonia|Eesti|Эстония
EG EGY Egypt|مصر
EH ESH Western Sahara|الصحراء الغربية
ER ERI Eritrea|إريتريا
ES ESP Spain|España|Espanya|Espainia
ET ETH Ethiopia|ኢትዮጵያ
FI FIN Finland|Suomi
FJ FJI Fiji
FK FLK Falkland Islands (Islas Malvinas)|Falkland Islands (Malvinas)|Falkland Islands|Malvinas
FM FSM Micronesia|Micronesia, Federated States of|Federated States of Micronesia
FO FRO Faroe Islands|Føroyar
FR FRA France|République française|France métropolitaine
GA GAB Gabon
GB GBR United Kingdom|UK|Great Britain|Britain|England|Scotland|Wales|Northern Ireland|Cymru
GD GRD Grenada
GE GEO Georgia|საქართველო
GF GUF French Guiana|Guyane française
GG GGY Guernsey
GH GHA Ghana
GI GIB Gibraltar
GL GRL Greenland|Grønland|Kalaallit Nunaat
GM GMB Gambia
GN GIN Guinea|Guinée
GP GLP Guadeloupe
GQ GNQ Equatorial Guinea|Guinea Ecuatorial
GR GRC Greece|Ελλάδα
GS SGS South Georgia & South Sandwich Islands|South Georgia and the South Sandwich Islands
GT GTM Guatemala
GU GUM Guam
GW GNB Guinea-Bissau|Guiné-Bissau
GY GUY Guyana
HK HKG Hong Kong|香港|Hong Kong SAR|Hong Kong SAR China
HM HMD Heard & McDonald Islands|Heard Island and McDonald Islands
HN HND Honduras
HR HRV Croatia|Hrvatska
HT HTI Haiti
HU HUN Hungary|Magyarország
ID IDN Indonesia
IE IRL Ireland|Éire|Republic of Ireland
IL ISR Israel|ישראל|إسرائيل
IM IMN Isle of Man
IN IND India|भारत|இந்தியா|ভারত|Bharat
IO IOT British Indian Ocean Territory
IQ IRQ Iraq|العراق
IR IRN Iran|Iran, Islamic Republic of|ایران|Islamic Republic of Iran
IS ISL Iceland|Ísland
IT ITA Italy|Italia|Repubblica Italiana
JE JEY Jersey
JM JAM Jamaica
JO JOR Jordan|الأردن
JP JPN Japan|日本|Nippon|Nihon
KE KEN Kenya
KG KGZ Kyrgyzstan|Кыргызстан|Kyrgyz Republic
KH KHM Cambodia|កម្ពុជា
KI KIR Kiribati
KM COM Comoros|Comores|جزر القمر
KN KNA St. Kitts & Nevis|Saint Kitts and Nevis
KP PRK North Korea|Korea, Democratic People's Republic of|북한
KP PRK Democratic People's Republic of Korea
KR KOR South Korea|Korea, Republic of|대한민국|한국|Korea|Republic of Korea
KW KWT Kuwait|الكويت
KY CYM Cayman Islands
KZ KAZ Kazakhstan|Казахстан|Қазақстан
LA LAO Laos|Lao People's Democratic Republic|ລາວ
LB LBN Lebanon|لبنان|Liban
LC LCA St. Lucia|Saint Lucia
LI LIE Liechtenstein
LK LKA Sri Lanka|இலங்கை|ශ්‍රී ලංකාව
LR LBR Liberia
LS LSO Lesotho
LT LTU Lithuania|Lietuva
LU LUX Luxembourg|Luxemburg|Lëtzebuerg
LV LVA Latvia|Latvija|Латвия
LY LBY Libya|ليبيا|Libyan Arab Jamahiriya
MA MAR Morocco|المغرب|Maroc
MC MCO Monaco
MD MDA Moldova|Moldova, Republic of|Republica Moldova|Молдова|Moldavia
ME MNE Montenegro|Crna Gora|Црна Гора
MF MAF St. Martin|Saint Martin (French part)|Saint-Martin
MG MDG Madagascar|Madagasikara
MH MHL Marshall Islands
MK MKD North Macedonia|Macedonia|Северна Македонија|Македонија
ML MLI Mali
MM MMR Myanmar (Burma)|Myanmar|Burma|မြန်မာ
MN MNG Mongolia|Монгол|Монгол Улс
MO MAC Macao|澳門|Macau|澳门
MP MNP Northern Mariana Islands
MQ MTQ Martinique
MR MRT Mauritania|موريتانيا|Mauritanie
MS MSR Montserrat
MT MLT Malta
MU MUS Mauritius|Maurice
MV MDV Maldives
MW MWI Malawi
MX MEX Mexico
MY MYS Malaysia
MZ MOZ Mozambique|Moçambique
NA NAM Namibia|Namibië
NC NCL New Caledonia|Nouvelle-Calédonie
NE NER Niger
NF NFK Norfolk Island
NG NGA Nigeria
NI NIC Nicaragua
NL NLD Netherlands|Nederland|Holland
NO NOR Norway|Norge|Noreg
NP NPL Nepal|नेपाल
NR NRU Nauru
NU NIU Niue
NZ NZL New Zealand|Aotearoa
OM OMN Oman|عُمان
PA PAN Panama
PE PER Peru
PF PYF French Polynesia|Polynésie française
PG PNG Papua New Guinea
PH PHL Philippines|Pilipinas
PK PAK Pakistan|پاکستان
PL POL Poland|Polska
PM SPM St. Pierre & Miquelon|Saint Pierre and Miquelon|Saint-Pierre-et-Miquelon
PN PCN Pitcairn Islands|Pitcairn
PR PRI Puerto Rico
PS PSE Palestine|Palestine, State of|فلسطين|Palestinian Territories|State of Palestine
PT PRT Portugal
PW PLW Palau
PY PRY Paraguay
QA QAT Qatar|قطر
RE REU Réunion|La Réunion
RO ROU Romania
RS SRB Serbia|Србија|Srbija
RU RUS Russia|Russian Federation|Россия|Российская Федерация
RW RWA Rwanda
SA SAU Saudi Arabia|المملكة العربية السعودية|السعودية|KSA
SB SLB Solomon Islands
SC SYC Seychelles
SD SDN Sudan|السودان
SE SWE Sweden|Sverige
SG SGP Singapore|新加坡|Singapura|சிங்கப்பூர்
SH SHN St. Helena|Saint Helena, Ascension and Tristan da Cunha|Saint Helena
SI SVN Slovenia|Slovenija
SJ SJM Svalbard & Jan Mayen|Svalbard og Jan Mayen
SK SVK Slovakia|Slovensko|Slovak Republic|Slovenská republika
SL SLE Sierra Leone
SM SMR San Marino
SN SEN Senegal
SO SOM Somalia|الصومال|Soomaaliya
SR SUR Suriname
SS SSD South Sudan|جنوب السودان
ST STP São Tomé & Príncipe|São Tomé e Príncipe
SV SLV El Salvador
SX SXM Sint Maarten|Sint Maarten (Dutch part)
SY SYR Syria|Syrian Arab Republic|سوريا
SZ SWZ Eswatini|Swaziland
TC TCA Turks & Caicos Islands
TD TCD Chad|Tchad|تشاد
TF ATF French Southern Territories|Terres australes françaises
TG TGO Togo
TH THA Thailand|ไทย|ประเทศไทย
TJ TJK Tajikistan|Тоҷикистон
TK TKL Tokelau
TL TLS Timor-Leste|East Timor
TM TKM Turkmenistan
TN TUN Tunisia|تونس|Tunisie
TO TON Tonga
TR TUR Türkiye|Turkey
TT TTO Trinidad & Tobago
TV TUV Tuvalu
TW TWN Taiwan|Taiwan, Province of China|台灣|台湾|臺灣|Taiwan, Republic of China
TZ TZA Tanzania|Tanzania, United Republic of|United Republic of Tanzania
UA UKR Ukraine|Україна|Украина
UG UGA Uganda
UM UMI U.S. Outlying Islands|United States Minor Outlying Islands|US Minor Outlying Islands
US USA United States|United States of America|America|Estados Unidos|U.S. of America
UY URY Uruguay
UZ UZB Uzbekistan|Узбекистан|Oʻzbekiston
VA VAT Vatican City|Holy See (Vatican City State)|Città del Vaticano|Vatican|Holy See
VC VCT St. Vincent & Grenadines|Saint Vincent and the Grenadines
VE VEN Venezuela|Venezuela, Bolivarian Republic of
VG VGB British Virgin Islands|Virgin Islands, British
VI VIR U.S. Virgin Islands|Virgin Islands, U.S.
VN VNM Vietnam
VU VUT Vanuatu
WF WLF Wallis & Futuna|Wallis-et-Futuna
WS WSM Samoa
YE YEM Yemen|اليمن
YT MYT Mayotte
ZA ZAF South Africa|Suid-Afrika
ZM ZMB Zambia
ZW ZWE Zimbabwe
"""
