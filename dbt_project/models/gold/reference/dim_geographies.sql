-- One row per country and territory of ISO 3166-1, and one for an unknown one. Names: its English short names, shortened
-- where that is usual; continents and regions: UN M49.
{{ config(unique_key='country_code', incremental_strategy='differences', meta={'complete': true}) }}
{%- set places = {
    ('Africa', 'Northern Africa'): [
        "DZ Algeria", "EG Egypt", "LY Libya", "MA Morocco", "SD Sudan", "TN Tunisia", "EH Western Sahara",
    ],
    ('Africa', 'Eastern Africa'): [
        "IO British Indian Ocean Territory", "BI Burundi", "KM Comoros", "DJ Djibouti", "ER Eritrea", "ET Ethiopia",
        "TF French Southern Territories", "KE Kenya", "MG Madagascar", "MW Malawi", "MU Mauritius", "YT Mayotte",
        "MZ Mozambique", "RE Réunion", "RW Rwanda", "SC Seychelles", "SO Somalia", "SS South Sudan", "TZ Tanzania", "UG Uganda",
        "ZM Zambia", "ZW Zimbabwe",
    ],
    ('Africa', 'Middle Africa'): [
        "AO Angola", "CM Cameroon", "CF Central African Republic", "TD Chad", "CG Congo", "CD Congo (Democratic Republic)",
        "GQ Equatorial Guinea", "GA Gabon", "ST São Tomé and Príncipe",
    ],
    ('Africa', 'Southern Africa'): [
        "BW Botswana", "SZ Eswatini", "LS Lesotho", "NA Namibia", "ZA South Africa",
    ],
    ('Africa', 'Western Africa'): [
        "BJ Benin", "BF Burkina Faso", "CV Cabo Verde", "CI Côte d’Ivoire", "GM Gambia", "GH Ghana", "GN Guinea",
        "GW Guinea-Bissau", "LR Liberia", "ML Mali", "MR Mauritania", "NE Niger", "NG Nigeria",
        "SH Saint Helena, Ascension and Tristan da Cunha", "SN Senegal", "SL Sierra Leone", "TG Togo",
    ],
    ('Americas', 'Northern America'): [
        "BM Bermuda", "CA Canada", "GL Greenland", "PM Saint Pierre and Miquelon", "US United States",
    ],
    ('Americas', 'Central America'): [
        "BZ Belize", "CR Costa Rica", "SV El Salvador", "GT Guatemala", "HN Honduras", "MX Mexico", "NI Nicaragua", "PA Panama",
    ],
    ('Americas', 'Caribbean'): [
        "AI Anguilla", "AG Antigua and Barbuda", "AW Aruba", "BS Bahamas", "BB Barbados", "BQ Bonaire, Sint Eustatius and Saba",
        "KY Cayman Islands", "CU Cuba", "CW Curaçao", "DM Dominica", "DO Dominican Republic", "GD Grenada", "GP Guadeloupe",
        "HT Haiti", "JM Jamaica", "MQ Martinique", "MS Montserrat", "PR Puerto Rico", "BL Saint Barthélemy",
        "KN Saint Kitts and Nevis", "LC Saint Lucia", "MF Saint Martin", "VC Saint Vincent and the Grenadines",
        "SX Sint Maarten", "TT Trinidad and Tobago", "TC Turks and Caicos Islands", "VG Virgin Islands (British)",
        "VI Virgin Islands (U.S.)",
    ],
    ('Americas', 'South America'): [
        "AR Argentina", "BO Bolivia", "BV Bouvet Island", "BR Brazil", "CL Chile", "CO Colombia", "EC Ecuador",
        "FK Falkland Islands", "GF French Guiana", "GY Guyana", "PY Paraguay", "PE Peru",
        "GS South Georgia and the South Sandwich Islands", "SR Suriname", "UY Uruguay", "VE Venezuela",
    ],
    ('Antarctica', 'Antarctica'): [
        "AQ Antarctica",
    ],
    ('Asia', 'Central Asia'): [
        "KZ Kazakhstan", "KG Kyrgyzstan", "TJ Tajikistan", "TM Turkmenistan", "UZ Uzbekistan",
    ],
    ('Asia', 'Eastern Asia'): [
        "CN China", "HK Hong Kong", "JP Japan", "KP Korea (Democratic People’s Republic)", "KR Korea (Republic)", "MO Macao",
        "MN Mongolia", "TW Taiwan",
    ],
    ('Asia', 'South-eastern Asia'): [
        "BN Brunei Darussalam", "KH Cambodia", "ID Indonesia", "LA Laos", "MY Malaysia", "MM Myanmar", "PH Philippines",
        "SG Singapore", "TH Thailand", "TL Timor-Leste", "VN Viet Nam",
    ],
    ('Asia', 'Southern Asia'): [
        "AF Afghanistan", "BD Bangladesh", "BT Bhutan", "IN India", "IR Iran", "MV Maldives", "NP Nepal", "PK Pakistan",
        "LK Sri Lanka",
    ],
    ('Asia', 'Western Asia'): [
        "AM Armenia", "AZ Azerbaijan", "BH Bahrain", "CY Cyprus", "GE Georgia", "IQ Iraq", "IL Israel", "JO Jordan",
        "KW Kuwait", "LB Lebanon", "OM Oman", "PS Palestine", "QA Qatar", "SA Saudi Arabia", "SY Syria", "TR Türkiye",
        "AE United Arab Emirates", "YE Yemen",
    ],
    ('Europe', 'Eastern Europe'): [
        "BY Belarus", "BG Bulgaria", "CZ Czechia", "HU Hungary", "MD Moldova", "PL Poland", "RO Romania", "RU Russia",
        "SK Slovakia", "UA Ukraine",
    ],
    ('Europe', 'Northern Europe'): [
        "AX Åland Islands", "DK Denmark", "EE Estonia", "FO Faroe Islands", "FI Finland", "GG Guernsey", "IS Iceland",
        "IE Ireland", "IM Isle of Man", "JE Jersey", "LV Latvia", "LT Lithuania", "NO Norway", "SJ Svalbard and Jan Mayen",
        "SE Sweden", "GB United Kingdom",
    ],
    ('Europe', 'Southern Europe'): [
        "AL Albania", "AD Andorra", "BA Bosnia and Herzegovina", "HR Croatia", "GI Gibraltar", "GR Greece", "VA Holy See",
        "IT Italy", "MT Malta", "ME Montenegro", "MK North Macedonia", "PT Portugal", "SM San Marino", "RS Serbia",
        "SI Slovenia", "ES Spain",
    ],
    ('Europe', 'Western Europe'): [
        "AT Austria", "BE Belgium", "FR France", "DE Germany", "LI Liechtenstein", "LU Luxembourg", "MC Monaco",
        "NL Netherlands", "CH Switzerland",
    ],
    ('Oceania', 'Australia and New Zealand'): [
        "AU Australia", "CX Christmas Island", "CC Cocos (Keeling) Islands", "HM Heard Island and McDonald Islands",
        "NZ New Zealand", "NF Norfolk Island",
    ],
    ('Oceania', 'Melanesia'): [
        "FJ Fiji", "NC New Caledonia", "PG Papua New Guinea", "SB Solomon Islands", "VU Vanuatu",
    ],
    ('Oceania', 'Micronesia'): [
        "GU Guam", "KI Kiribati", "MH Marshall Islands", "FM Micronesia", "NR Nauru", "MP Northern Mariana Islands", "PW Palau",
        "UM United States Minor Outlying Islands",
    ],
    ('Oceania', 'Polynesia'): [
        "AS American Samoa", "CK Cook Islands", "PF French Polynesia", "NU Niue", "PN Pitcairn", "WS Samoa", "TK Tokelau",
        "TO Tonga", "TV Tuvalu", "WF Wallis and Futuna",
    ],
} %}

select country_code, country_name, region_name, continent_name
from values
    {%- for (continent, region), countries in places.items() %}
    {%- for country in countries %}
    ('{{ country[:2] }}', '{{ country[3:] }}', '{{ region }}', '{{ continent }}'),
    {%- endfor %}
    {%- endfor %}
    ('(unknown)', null, null, null)
as countries(country_code, country_name, region_name, continent_name)
