{# Currencies and conversion. Money is whole minor units; rates are decimals; nothing is a float. #}

{# Digits of the minor unit -> codes of ISO 4217, as in lakehouse/money.py (a test compares the two). #}
{% macro minor_digits() %}
    {{ return({
        0: 'BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF',
        2: 'AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF '
            ~ 'CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ '
            ~ 'GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD '
            ~ 'MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON '
            ~ 'RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS '
            ~ 'UAH USD USN UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW ZWG',
        3: 'BHD IQD JOD KWD LYD OMR TND',
        4: 'CLF UYW',
    }) }}
{% endmacro %}


{# ISO 4217 code of the currency in which facts are reported beside their own. #}
{% macro reporting_currency() %}{{ var('reporting_currency', 'EUR') }}{% endmacro %}


{# Ten to the power of an integer from -4 to 4, exactly. #}
{% macro shifted(power) -%}
case {{ power }}{% for digits in range(-4, 5) %} when {{ digits }} then {{ '0.' ~ '0' * (-digits - 1) ~ '1' if digits < 0 else '1' ~ '0' * digits ~ '.0' }}{% endfor %} end
{%- endmacro %}


{# Minor units of the reporting currency, from minor units and the `minor_rate` of dim_fx_rates: exact, then rounded once, half
   away from zero. Null where there is no rate, or for an amount of more than 18 digits. #}
{% macro to_reporting(amount, rates) -%}
cast(round(try_cast({{ amount }} as decimal(18, 0)) * {{ rates }}.minor_rate, 0) as bigint)
{%- endmacro %}


{# A sum of converted amounts; null as soon as one of them could not be converted, for a part passes for the whole. #}
{% macro converted(amount) -%}
case when count(*) = count({{ amount }}) then sum({{ amount }}) end
{%- endmacro %}
