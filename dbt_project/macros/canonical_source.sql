{#-
    One name per source, from the ways in which it is spelled. Unknown spellings are lower-cased and kept.
    Meta's own macro site_source_name gives fb, ig, msg and an (Audience Network, sold as Facebook).
    One look-up in a constant, because a hundred comparisons for each row are the slowest part of a load.
-#}
{% macro canonical_source(value) -%}
    {%- set spellings = {
        'google': ['google', 'google.com', 'www.google.com', 'google.com.tr', 'googleads', 'google_ads', 'google-ads',
            'google ads', 'googleadwords', 'google_adwords', 'google adwords', 'adwords', 'gads', 'google_cpc', 'gdn'],
        'facebook': ['facebook', 'fb', 'facebook.com', 'www.facebook.com', 'm.facebook.com', 'l.facebook.com',
            'lm.facebook.com', 'fb.com', 'fb.me', 'facebook_ads', 'facebook-ads', 'facebook ads', 'facebookads', 'fb_ads',
            'fb-ads', 'fb ads', 'fbads', 'meta', 'meta_ads', 'meta-ads', 'meta ads', 'metaads', 'an',
            'audience_network'],
        'instagram': ['instagram', 'ig', 'insta', 'instagram.com', 'www.instagram.com', 'l.instagram.com',
            'instagram_ads', 'instagram-ads', 'ig_ads'],
        'messenger': ['messenger', 'msg', 'm.me', 'messenger.com', 'fb_messenger', 'facebook_messenger'],
        'whatsapp': ['whatsapp', 'wa', 'wa.me', 'whatsapp.com', 'web.whatsapp.com', 'api.whatsapp.com', 'wapp', 'l.wl.co'],
        'tiktok': ['tiktok', 'tt', 'tiktok.com', 'www.tiktok.com', 'tik_tok', 'tik-tok', 'tik tok', 'tiktok_ads',
            'tiktok-ads', 'tiktok ads', 'tiktokads'],
        'youtube': ['youtube', 'yt', 'youtube.com', 'www.youtube.com', 'm.youtube.com', 'youtu.be', 'youtube_ads'],
        'linkedin': ['linkedin', 'li', 'linkedin.com', 'www.linkedin.com', 'lnkd.in', 'linkedin_ads', 'linkedin-ads'],
        'bing': ['bing', 'bing.com', 'www.bing.com', 'bingads', 'bing_ads', 'bing-ads', 'bing ads', 'microsoft', 'msads',
            'microsoft_ads', 'microsoft-ads'],
        'twitter': ['twitter', 'twitter.com', 'x', 'x.com', 't.co', 'twitter_ads', 'x_ads', 'tw'],
        'snapchat': ['snapchat', 'snap', 'snapchat.com', 'sc'],
        'pinterest': ['pinterest', 'pin', 'pinterest.com', 'www.pinterest.com'],
        'yandex': ['yandex', 'yandex.com', 'yandex.com.tr', 'yandex.ru', 'yandex_direct', 'yandexdirect', 'ya'],
    } -%}
    {%- set names = {} -%}
    {%- for name, known in spellings.items() -%}
        {%- for spelling in known -%} {%- do names.update({spelling: name}) -%} {%- endfor -%}
    {%- endfor -%}
    {%- set folded = fold_case('btrim(' ~ value ~ ')') -%}
    coalesce('{{ tojson(names) }}'::jsonb ->> {{ folded }}, nullif({{ folded }}, ''))
{%- endmacro %}
