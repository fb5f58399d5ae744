package layout

// tongue is one language in the dialects in which sources write it.
type tongue struct {
	code  Language // the folder of the catalog tree
	tag   string   // BCP 47, as short as it is clear
	three string   // Microsoft's three letters
	lcid  int
	label string
	names string // other codes and tags, lower case, separated by blanks
}

// tongues holds the languages that Windows, Office and their updates come in:
// the ids in the export packages of WSUS, the locales of the Windows Update
// Catalog of 2002 to 2005, and those of language packs.
//
// The two-letter country codes of old links (JP, KR, CN, TW, HK, BR) stand
// for languages. ENG is English here, never British English: that is what
// old names mean. PRG is a slip for PTG in one real list: fifteen of the sixteen
// files that it calls so say PTG in their names, and one says nothing.
var tongues = []tongue{
	{"AF", "af", "AFK", 1078, "Afrikaans", "af-za"},
	{"AM", "am", "AMH", 1118, "Amharic", "am-et"},
	{"AR", "ar", "ARA", 1025, "Arabic", "ar-sa"},
	{"AS", "as", "ASM", 1101, "Assamese", "as-in"},
	{"AZ", "az", "AZE", 1068, "Azerbaijani", "az-latn az-latn-az az-az"},
	{"BE", "be", "BEL", 1059, "Belarusian", "be-by"},
	{"BG", "bg", "BGR", 1026, "Bulgarian", "bg-bg"},
	{"BN", "bn", "BNG", 1093, "Bangla", "bn-in bn-bd bnb 2117 bengali"},
	{"BS", "bs", "BSB", 5146, "Bosnian", "bs-latn bs-latn-ba bs-ba"},
	{"CA", "ca", "CAT", 1027, "Catalan", "ca-es ca-es-valencia"},
	{"CS", "cs", "CSY", 1029, "Czech", "cs-cz cze"},
	{"CY", "cy", "CYM", 1106, "Welsh", "cy-gb"},
	{"DA", "da", "DAN", 1030, "Danish", "da-dk"},
	{"DE", "de", "DEU", 1031, "German", "de-de ger"},
	{"EL", "el", "ELL", 1032, "Greek", "el-gr grk gr"},
	{"EN", "en", "ENU", 1033, "English", "en-us eng usa usam us"},
	{"ENGB", "en-GB", "ENG", 2057, "English (United Kingdom)", ""},
	{"ES", "es", "ESN", 3082, "Spanish", "es-es esp 1034"},
	{"ESMX", "es-MX", "ESM", 2058, "Spanish (Mexico)", ""},
	{"ET", "et", "ETI", 1061, "Estonian", "et-ee"},
	{"EU", "eu", "EUQ", 1069, "Basque", "eu-es"},
	{"FA", "fa", "FAR", 1065, "Persian", "fa-ir"},
	{"FI", "fi", "FIN", 1035, "Finnish", "fi-fi"},
	{"FIL", "fil", "FPO", 1124, "Filipino", "fil-ph"},
	{"FR", "fr", "FRA", 1036, "French", "fr-fr frn"},
	{"FRCA", "fr-CA", "FRC", 3084, "French (Canada)", ""},
	{"GA", "ga", "IRE", 2108, "Irish", "ga-ie"},
	{"GD", "gd", "GLA", 1169, "Scottish Gaelic", "gd-gb"},
	{"GL", "gl", "GLC", 1110, "Galician", "gl-es"},
	{"GU", "gu", "GUJ", 1095, "Gujarati", "gu-in"},
	{"HA", "ha", "HAU", 1128, "Hausa", "ha-latn ha-latn-ng"},
	{"HE", "he", "HEB", 1037, "Hebrew", "he-il iw"},
	{"HI", "hi", "HIN", 1081, "Hindi", "hi-in"},
	{"HR", "hr", "HRV", 1050, "Croatian", "hr-hr"},
	{"HU", "hu", "HUN", 1038, "Hungarian", "hu-hu"},
	{"HY", "hy", "HYE", 1067, "Armenian", "hy-am"},
	{"ID", "id", "IND", 1057, "Indonesian", "id-id"},
	{"IG", "ig", "IBO", 1136, "Igbo", "ig-ng"},
	{"IS", "is", "ISL", 1039, "Icelandic", "is-is"},
	{"IT", "it", "ITA", 1040, "Italian", "it-it"},
	{"JA", "ja", "JPN", 1041, "Japanese", "ja-jp jp"},
	{"KA", "ka", "KAT", 1079, "Georgian", "ka-ge"},
	{"KK", "kk", "KKZ", 1087, "Kazakh", "kk-kz"},
	{"KM", "km", "KHM", 1107, "Khmer", "km-kh"},
	{"KN", "kn", "KDI", 1099, "Kannada", "kn-in"},
	{"KO", "ko", "KOR", 1042, "Korean", "ko-kr kr"},
	{"KOK", "kok", "KNK", 1111, "Konkani", "kok-in"},
	{"KY", "ky", "KYR", 1088, "Kyrgyz", "ky-kg"},
	{"LB", "lb", "LBX", 1134, "Luxembourgish", "lb-lu"},
	{"LO", "lo", "LAO", 1108, "Lao", "lo-la"},
	{"LT", "lt", "LTH", 1063, "Lithuanian", "lt-lt"},
	{"LV", "lv", "LVI", 1062, "Latvian", "lv-lv"},
	{"MI", "mi", "MRI", 1153, "Maori", "mi-nz"},
	{"MK", "mk", "MKI", 1071, "Macedonian", "mk-mk"},
	{"ML", "ml", "MYM", 1100, "Malayalam", "ml-in"},
	{"MN", "mn", "MNN", 1104, "Mongolian", "mn-mn"},
	{"MR", "mr", "MAR", 1102, "Marathi", "mr-in"},
	{"MS", "ms", "MSL", 1086, "Malay", "ms-my"},
	{"MT", "mt", "MLT", 1082, "Maltese", "mt-mt"},
	{"NE", "ne", "NEP", 1121, "Nepali", "ne-np"},
	{"NEC", "ja-x-nec", "NEC", 66577, "Japanese (NEC)", "ja-nec nec98"},
	{"NL", "nl", "NLD", 1043, "Dutch", "nl-nl dut"},
	{"NN", "nn", "NON", 2068, "Norwegian (Nynorsk)", "nn-no"},
	{"NO", "nb", "NOR", 1044, "Norwegian", "nb-no no-no"},
	{"NSO", "nso", "NSO", 1132, "Sesotho sa Leboa", "nso-za"},
	{"OR", "or", "ORI", 1096, "Odia", "or-in"},
	{"PA", "pa", "PAN", 1094, "Punjabi", "pa-in"},
	{"PL", "pl", "PLK", 1045, "Polish", "pl-pl"},
	{"PRS", "prs", "PRS", 1164, "Dari", "prs-af"},
	{"PS", "ps", "PAS", 1123, "Pashto", "ps-af"},
	{"PT", "pt-PT", "PTG", 2070, "Portuguese", "prg"},
	{"PTBR", "pt-BR", "PTB", 1046, "Portuguese (Brazil)", "br"},
	{"QUZ", "quz", "QUP", 3179, "Quechua", "quz-pe"},
	{"RO", "ro", "ROM", 1048, "Romanian", "ro-ro"},
	{"RU", "ru", "RUS", 1049, "Russian", "ru-ru"},
	{"RW", "rw", "KIN", 1159, "Kinyarwanda", "rw-rw"},
	{"SI", "si", "SIN", 1115, "Sinhala", "si-lk"},
	{"SK", "sk", "SKY", 1051, "Slovak", "sk-sk"},
	{"SL", "sl", "SLV", 1060, "Slovenian", "sl-si"},
	{"SQ", "sq", "SQI", 1052, "Albanian", "sq-al"},
	{"SR", "sr", "", 31770, "Serbian", "sr-rs sr-cs"},
	{"SRCYRL", "sr-Cyrl", "SRB", 3098, "Serbian (Cyrillic)", "sr-cyrl-cs sr-cyrl-rs sr-cyrl-ba sro 10266 7194"},
	{"SRLATN", "sr-Latn", "SRL", 2074, "Serbian (Latin)", "sr-latn-cs sr-latn-rs srm 9242"},
	{"SV", "sv", "SVE", 1053, "Swedish", "sv-se swe"},
	{"SW", "sw", "SWK", 1089, "Kiswahili", "sw-ke"},
	{"TA", "ta", "TAI", 1097, "Tamil", "ta-in tam"},
	{"TE", "te", "TEL", 1098, "Telugu", "te-in"},
	{"TG", "tg", "TAJ", 1064, "Tajik", "tg-cyrl tg-cyrl-tj"},
	{"TH", "th", "THA", 1054, "Thai", "th-th"},
	{"TI", "ti", "TIR", 1139, "Tigrinya", "ti-et"},
	{"TK", "tk", "TUK", 1090, "Turkmen", "tk-tm"},
	{"TN", "tn", "TSN", 1074, "Setswana", "tn-za"},
	{"TR", "tr", "TRK", 1055, "Turkish", "tr-tr"},
	{"TT", "tt", "TTT", 1092, "Tatar", "tt-ru"},
	{"UG", "ug", "UIG", 1152, "Uyghur", "ug-cn"},
	{"UK", "uk", "UKR", 1058, "Ukrainian", "uk-ua"},
	{"UR", "ur", "URD", 1056, "Urdu", "ur-pk"},
	{"UZ", "uz", "UZB", 1091, "Uzbek", "uz-latn uz-latn-uz"},
	{"VI", "vi", "VIT", 1066, "Vietnamese", "vi-vn"},
	{"WO", "wo", "WOL", 1160, "Wolof", "wo-sn"},
	{"XH", "xh", "XHO", 1076, "isiXhosa", "xh-za"},
	{"YO", "yo", "YOR", 1130, "Yoruba", "yo-ng"},
	{"ZHCN", "zh-CN", "CHS", 2052, "Chinese (Simplified)", "cn zh-hans zh-chs"},
	{"ZHHK", "zh-HK", "ZHH", 3076, "Chinese (Hong Kong)", "hk chh"},
	{"ZHTW", "zh-TW", "CHT", 1028, "Chinese (Traditional)", "tw zh-hant zh-cht"},
	{"ZU", "zu", "ZUL", 1077, "isiZulu", "zu-za"},
}

// neutralLanguage are the words for no language or all of them. WSUS calls
// all of them 0; "5lg" is WSUS Offline's word for a file of five languages.
var neutralLanguage = words("glb all x-none none neutral multi mul und int 5lg 0")
