//! Words that people, places and jobs are made of.

/// Given and family names that go together, by language; written as people write them.
pub(super) const PEOPLE: &[(&str, &[&str], &[&str])] = &[
    (
        "nl",
        &[
            "Daan", "Sanne", "Bram", "Fleur", "Jeroen", "Anouk", "Thijs", "Maartje", "Joost",
            "Loïs",
        ],
        &[
            "de Vries",
            "van den Berg",
            "Bakker",
            "Jansen",
            "Visser",
            "van 't Hof",
            "Smit",
            "Mulder",
            "de Groot",
            "Dekker",
        ],
    ),
    (
        "de",
        &[
            "Jürgen", "Käthe", "Björn", "Anke", "Günter", "Ulrike", "Sören", "Heike", "Matthias",
            "Jörg",
        ],
        &[
            "Müller", "Schäfer", "Groß", "Köhler", "Weiß", "Böhm", "Krüger", "Hoffmann", "Jäger",
            "Lange",
        ],
    ),
    (
        "fr",
        &[
            "François",
            "Zoé",
            "Hélène",
            "Rémi",
            "Aurélie",
            "Jérôme",
            "Chloé",
            "Benoît",
            "Noël",
            "Maëlle",
        ],
        &[
            "Lefèvre",
            "D'Amboise",
            "Gauthier",
            "Béranger",
            "L'Hôpital",
            "Dupré",
            "Moreau",
            "Côté",
            "Girard",
            "Forêt",
        ],
    ),
    (
        "es",
        &[
            "José", "María", "Íñigo", "Lucía", "Andrés", "Begoña", "Ramón", "Inés", "Óscar",
            "Nuria",
        ],
        &[
            "García", "Muñoz", "Peña", "Ibáñez", "Núñez", "Ortega", "López", "Jiménez", "Castaño",
            "Ruiz",
        ],
    ),
    (
        "pl",
        &[
            "Łukasz",
            "Małgorzata",
            "Paweł",
            "Zofia",
            "Grzegorz",
            "Agnieszka",
            "Żaneta",
            "Michał",
            "Stanisław",
            "Ewa",
        ],
        &[
            "Wójcik",
            "Kowalski",
            "Dąbrowski",
            "Łuczak",
            "Zieliński",
            "Szymański",
            "Woźniak",
            "Pawłowski",
            "Gołąb",
            "Król",
        ],
    ),
    (
        "en",
        &[
            "Siobhan", "Liam", "Amelia", "Owen", "Priya", "Jack", "Aisha", "Grace", "Callum",
            "Niamh",
        ],
        &[
            "O'Neill", "Smith", "Patel", "O'Brien", "Walker", "Hughes", "Khan", "Bennett",
            "Fraser", "McDonald",
        ],
    ),
    (
        "tr",
        &[
            "Şebnem", "Çağla", "Ömer", "İbrahim", "Gül", "Barış", "Yiğit", "Ayşe", "Emre", "Ümit",
        ],
        &[
            "Yılmaz", "Öztürk", "Çelik", "Şahin", "Doğan", "Kılıç", "Aydın", "Güneş", "Işık",
            "Kaya",
        ],
    ),
    (
        "sv",
        &[
            "Åsa", "Göran", "Märta", "Örjan", "Linnéa", "Håkan", "Elin", "Björn", "Saga", "Pär",
        ],
        &[
            "Åberg",
            "Lindström",
            "Sjöberg",
            "Öberg",
            "Nyström",
            "Ängström",
            "Bergqvist",
            "Holm",
            "Wallén",
            "Ek",
        ],
    ),
    (
        "cs",
        &[
            "Jiří",
            "Žofie",
            "Tomáš",
            "Kateřina",
            "Ondřej",
            "Šárka",
            "Vojtěch",
            "Lenka",
            "Aneta",
            "Matěj",
        ],
        &[
            "Novák",
            "Dvořáková",
            "Černý",
            "Růžička",
            "Šimek",
            "Beneš",
            "Kučera",
            "Říha",
            "Malý",
            "Žák",
        ],
    ),
    (
        "vi",
        &[
            "Nguyên", "Thảo", "Đức", "Hương", "Minh", "Trâm", "Quốc", "Linh", "Hải", "Ngọc",
        ],
        &[
            "Nguyễn", "Trần", "Phạm", "Đặng", "Vũ", "Bùi", "Lê", "Hồ", "Phan", "Võ",
        ],
    ),
];

/// Display names in other scripts, with emoji, or right to left; the account names stay Latin.
pub(super) const UNUSUAL_DISPLAY_NAMES: &[&str] = &[
    "محمد العلي",
    "שרה כהן",
    "山田 太郎",
    "Иван Петров",
    "Ελένη Παπαδοπούλου",
    "王小明",
    "Zoë 🦊 van Dam",
    "김민준",
    "अनिता शर्मा",
    "Bob 🚲",
];

/// Sites: code, city, postal code, country code, country, number, dialling prefix, street.
pub(super) const SITES: &[[&str; 8]] = &[
    [
        "AMS",
        "Amsterdam",
        "1015 CJ",
        "NL",
        "Netherlands",
        "528",
        "+31 20 555",
        "Keizersgracht 241",
    ],
    [
        "MUC",
        "München",
        "80331",
        "DE",
        "Germany",
        "276",
        "+49 89 5550",
        "Sendlinger Straße 8",
    ],
    [
        "LYS",
        "Lyon",
        "69002",
        "FR",
        "France",
        "250",
        "+33 4 72 55",
        "12 rue Mercière",
    ],
    [
        "DUB",
        "Dublin",
        "D02 XY45",
        "IE",
        "Ireland",
        "372",
        "+353 1 555",
        "4 St Stephen's Green",
    ],
    [
        "GDN",
        "Gdańsk",
        "80-831",
        "PL",
        "Poland",
        "616",
        "+48 58 555",
        "ul. Długa 17",
    ],
];

/// Departments, each with its jobs from many to few.
pub(super) const DEPARTMENTS: &[(&str, &[&str])] = &[
    (
        "Operations",
        &[
            "Lock keeper",
            "Shift planner",
            "Operations engineer",
            "Duty manager",
        ],
    ),
    (
        "Engineering",
        &[
            "Hydraulic engineer",
            "Draughtsman",
            "Software engineer",
            "Lead engineer",
        ],
    ),
    (
        "Sales",
        &[
            "Account manager",
            "Sales assistant",
            "Key account manager",
            "Sales director",
        ],
    ),
    (
        "Finance",
        &["Bookkeeper", "Controller", "Payroll officer", "Treasurer"],
    ),
    (
        "Human Resources",
        &[
            "HR adviser",
            "Recruiter",
            "HR business partner",
            "Head of HR",
        ],
    ),
    (
        "IT",
        &[
            "Service desk agent",
            "System administrator",
            "Network engineer",
            "IT architect",
        ],
    ),
    (
        "Legal & Compliance",
        &[
            "Legal counsel",
            "Privacy officer",
            "Paralegal",
            "General counsel",
        ],
    ),
    (
        "Research, Water & Climate",
        &["Researcher", "Data scientist", "Ecologist", "Research lead"],
    ),
];

/// Letters of a name that an address may hold.
pub(super) fn latin(text: &str) -> String {
    let mut plain = String::new();
    for c in text.chars() {
        match c {
            'a'..='z' | '0'..='9' => plain.push(c),
            'A'..='Z' => plain.push(c.to_ascii_lowercase()),
            'ä' | 'Ä' => plain.push_str("ae"),
            'ö' | 'Ö' | 'ø' => plain.push_str("oe"),
            'ü' | 'Ü' => plain.push_str("ue"),
            'ß' => plain.push_str("ss"),
            'é' | 'è' | 'ê' | 'ë' | 'ę' | 'ě' | 'ế' | 'ễ' | 'ệ' => plain.push('e'),
            'á' | 'à' | 'â' | 'ã' | 'å' | 'Å' | 'ą' | 'ả' | 'ầ' | 'ạ' | 'ặ' => {
                plain.push('a')
            }
            'í' | 'ì' | 'î' | 'ï' | 'ı' | 'İ' | 'Í' => plain.push('i'),
            'ó' | 'ò' | 'ô' | 'ő' | 'ố' | 'ồ' | 'ọ' | 'Ó' => plain.push('o'),
            'ú' | 'ù' | 'û' | 'ů' | 'ũ' | 'ư' | 'ơ' => plain.push('u'),
            'ç' | 'Ç' | 'ć' | 'č' | 'Č' => plain.push('c'),
            'ş' | 'Ş' | 'ś' | 'š' | 'Š' => plain.push('s'),
            'ł' | 'Ł' => plain.push('l'),
            'ń' | 'ñ' => plain.push('n'),
            'ř' | 'Ř' => plain.push('r'),
            'ž' | 'ź' | 'ż' | 'Ž' | 'Ż' => plain.push('z'),
            'ğ' => plain.push('g'),
            'đ' | 'Đ' => plain.push('d'),
            'ý' => plain.push('y'),
            _ => {}
        }
    }
    plain
}
