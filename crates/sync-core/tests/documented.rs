//! What the originals' documents show, function by function: each row names the document's section.
//!
//! Where a row differs from its document, `docs/compat.md` says why. Values that cannot be repeated (`Now`, `Guid`) are in the
//! examples of the functions themselves.
// LONG: a table.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use sync_core::{
    expression::trial::{self, Tried},
    functions::{self, Origin},
    id::Anchor,
    mapping::{Context, SourceView},
    value::{Attributes, Value},
};

use Book::{Cloud, Connect, Operators};

/// Where it stands.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Book {
    /// "Reference for writing expressions for attribute mappings in Microsoft Entra ID", and its Cloud Sync edition.
    Cloud,
    /// "Microsoft Entra Connect Sync: Functions Reference".
    Connect,
    /// "Microsoft Entra Connect Sync: Understanding Declarative Provisioning Expressions".
    Operators,
}

/// Book, section, expression, and an expression that gives the same; `error` and `ignored` stand for themselves.
const ROWS: &[(Book, &str, &str, &str)] = &[
    (
        Cloud,
        "Append",
        "Append([userPrincipalName], \".test\")",
        "\"jsmith@contoso.com.test\"",
    ),
    (Cloud, "BitAnd", "BitAnd(&HF, &HF7)", "7"),
    (Cloud, "CBool", "CBool([a] = [b])", "True"),
    (
        Cloud,
        "CDate",
        "CDate(\"2020-03-16-07:00\")",
        "\"3/16/2020 7:00:00 AM\"",
    ),
    (
        Cloud,
        "CDate",
        "CDate(\"2021-06-30+08:00\")",
        "\"6/29/2021 4:00:00 PM\"",
    ),
    (
        Cloud,
        "CDate",
        "CDate(\"2009-06-15T01:45:30-07:00\")",
        "\"6/15/2009 8:45:30 AM\"",
    ),
    (
        Cloud,
        "Coalesce",
        "Coalesce([mailNickname], [userPrincipalName], \"None\")",
        "\"jsmith@contoso.com\"",
    ),
    (
        Cloud,
        "Coalesce",
        "Coalesce([mailNickname], \"None\")",
        "\"None\"",
    ),
    (
        Cloud,
        "ConvertToBase64",
        "ConvertToBase64(\"Hello world!\")",
        "\"SABlAGwAbABvACAAdwBvAHIAbABkACEA\"",
    ),
    (
        Cloud,
        "ConvertToUTF8Hex",
        "ConvertToUTF8Hex(\"Hello world!\")",
        "\"48656C6C6F20776F726C6421\"",
    ),
    (
        Cloud,
        "ConvertFromBase64",
        "ConvertFromBase64(\"SABlAGwAbABvACAAdwBvAHIAbABkACEA\")",
        "\"Hello world!\"",
    ),
    (
        Cloud,
        "ConvertFromBase64",
        "ConvertFromBase64(\"SGVsbG8gd29ybGQh\", UTF8)",
        "\"Hello world!\"",
    ),
    (Cloud, "Count", "Count([proxyAddresses])", "2"),
    (Cloud, "CStr", "CStr(42)", "\"42\""),
    (
        Cloud,
        "DateAdd",
        "DateAdd(\"d\", 7, \"2012-03-16-07:00\")",
        "\"3/23/2012 7:00:00 AM\"",
    ),
    (
        Cloud,
        "DateAdd",
        "DateAdd(\"m\", 10, \"2012-03-16-07:00\")",
        "\"1/16/2013 7:00:00 AM\"",
    ),
    (
        Cloud,
        "DateAdd",
        "DateAdd(\"yyyy\", 2, \"2012-03-16-07:00\")",
        "\"3/16/2014 7:00:00 AM\"",
    ),
    (
        Cloud,
        "DateDiff",
        "DateDiff(\"d\", \"2021-08-18+08:00\", \"2021-08-31+08:00\")",
        "13",
    ),
    (
        Cloud,
        "DateDiff",
        "DateDiff(\"ww\", \"8/25/2021 5:41:18 PM\", \"2012-03-16-07:00\")",
        "-493",
    ),
    (
        Cloud,
        "DateDiff",
        "DateDiff(\"m\", \"8/25/2021 5:41:18 PM\", \"2012-03-16-07:00\")",
        "-113",
    ),
    (
        Cloud,
        "DateDiff",
        "DateDiff(\"yyyy\", \"8/25/2021 5:41:18 PM\", \"2012-03-16-07:00\")",
        "-9",
    ),
    (
        Cloud,
        "DateFromNum",
        "DateFromNum(129699324000000000)",
        "\"2012-01-01T23:00:00Z\"",
    ),
    (Cloud, "DNComponent", "DNComponent([dn], 1)", "\"Joe\""),
    (Cloud, "Error", "Error(\"no\")", "error"),
    (
        Cloud,
        "FormatDateTime",
        "FormatDateTime(\"20150123105347.1Z\", , \"yyyyMMddHHmmss.fZ\", \"yyyy-MM-dd\")",
        "\"2015-01-23\"",
    ),
    (
        Cloud,
        "IgnoreFlowIfNullOrEmpty",
        "IgnoreFlowIfNullOrEmpty([missing])",
        "ignored",
    ),
    (
        Cloud,
        "IIF",
        "IIF([country] = \"USA\", [country], [department])",
        "\"Sales\"",
    ),
    (
        Cloud,
        "InStr",
        "InStr(\"The quick brown fox\", \"quick\")",
        "5",
    ),
    (
        Cloud,
        "InStr",
        "InStr(\"repEated\", \"e\", 3, vbBinaryCompare)",
        "7",
    ),
    (Cloud, "IsNull", "IsNull([displayName])", "True"),
    (
        Cloud,
        "IsNullOrEmpty",
        "IsNullOrEmpty([displayName])",
        "True",
    ),
    (Cloud, "IsPresent", "IsPresent([department])", "True"),
    (Cloud, "IsString", "IsString([department])", "True"),
    (
        Cloud,
        "Item",
        "Mid(Item([proxyAddresses], Contains([proxyAddresses], \"SMTP:\")), 6)",
        "\"jsmith@contoso.com\"",
    ),
    (
        Cloud,
        "Join",
        "Join(\", \", \"\", [surname], [givenName])",
        "\"Doe, John\"",
    ),
    (Cloud, "Left", "Left(\"John Doe\", 3)", "\"Joh\""),
    (Cloud, "Mid", "Mid(\"John Doe\", 3, 5)", "\"hn Do\""),
    (Cloud, "Mid", "Mid(\"John Doe\", 6, 999)", "\"Doe\""),
    (
        Cloud,
        "NormalizeDiacritics",
        "NormalizeDiacritics(\"Zoë\")",
        "\"Zoe\"",
    ),
    (Cloud, "Not", "Not(\"True\")", "False"),
    (Cloud, "Not", "Not(\"anything\")", "True"),
    (
        Cloud,
        "NumFromDate",
        "NumFromDate(Join(\"\", FormatDateTime(\"2024-05-01-08:00\", , \"yyyy-MM-ddzzz\", \"yyyy-MM-dd\"), \" 23:59:59-08:00\"))",
        "133591103990000000",
    ),
    (
        Cloud,
        "PCase",
        "PCase(\"PABLO GONSALVES (SECOND)\")",
        "\"Pablo Gonsalves (Second)\"",
    ),
    (
        Cloud,
        "PCase",
        "PCase(\"PINTO-DE'SILVA\", \" '-\")",
        "\"Pinto-De'Silva\"",
    ),
    (
        Cloud,
        "RandomString",
        "Len(RandomString(6, 3, 0, 0, 3))",
        "6",
    ),
    (
        Cloud,
        "RandomString",
        "Len(RandomString(10, 2, 2, 2, 1, \"?,\"))",
        "10",
    ),
    (Cloud, "Redact", "Redact([department])", "\"[Redact]\""),
    (
        Cloud,
        "RemoveDuplicates",
        "Count(RemoveDuplicates([proxyAddresses]))",
        "1",
    ),
    (
        Cloud,
        "Replace",
        "Replace(\"jsmith\", \"<username>\", , , , , \"<username>@contoso.com\")",
        "\"jsmith@contoso.com\"",
    ),
    (
        Cloud,
        "Replace",
        "Replace(\"+91 9998887777\", , \"\\\\+(?<isdCode>\\\\d* )(?<phoneNumber>\\\\d{10})\", , \"${phoneNumber}\", , )",
        "\"9998887777\"",
    ),
    (
        Cloud,
        "Replace",
        "Replace(\"+1 (999) 888-7777\", , \"[()\\\\s-]+\", , \"\", , )",
        "\"+19998887777\"",
    ),
    (
        Cloud,
        "Replace",
        "Replace(\"545 Tremont Street\", , \"(?<streetNumber>^\\\\d*)\", \"streetNumber\", \"888\", , )",
        "\"888 Tremont Street\"",
    ),
    (
        Cloud,
        "Replace",
        "Replace([userPrincipalName], , \"(?<Suffix>@(.)*)\", \"Suffix\", \"\", , )",
        "\"jsmith\"",
    ),
    (
        Cloud,
        "Replace",
        "Replace([mailNickname], , \"(?<local>[^@]+)\", \"local\", , [userPrincipalName], )",
        "\"jsmith\"",
    ),
    (
        Cloud,
        "SelectUniqueValue",
        "SelectUniqueValue(\"a\", \"b\")",
        "candidates",
    ),
    (
        Cloud,
        "SingleAppRoleAssignment",
        "SingleAppRoleAssignment([department])",
        "\"Sales\"",
    ),
    (
        Cloud,
        "Split",
        "Split(\"A, B\", \",\")",
        "Split(\"A|B\", \"|\")",
    ),
    (
        Cloud,
        "StringFromSid",
        "StringFromSid([objectSid])",
        "\"S-1-5-32-544\"",
    ),
    (Cloud, "StripSpaces", "StripSpaces(\" a b \")", "\"ab\""),
    (
        Cloud,
        "Switch",
        "Switch([state], \"Australia/Brisbane\", \"NSW\", \"Australia/Sydney\", \"QLD\", \"Australia/Brisbane\")",
        "\"Australia/Sydney\"",
    ),
    (Cloud, "ToLower", "ToLower([country], \"en-US\")", "\"nl\""),
    (Cloud, "ToUpper", "ToUpper([department])", "\"SALES\""),
    (Cloud, "Trim", "Trim(\" a \")", "\"a\""),
    (
        Cloud,
        "Word",
        "Word(\"The quick brown fox\", 3, \" \")",
        "\"brown\"",
    ),
    (
        Cloud,
        "Word",
        "Word(\"This,string!has&many separators\", 3, \",!&#\")",
        "\"has\"",
    ),
    (
        Cloud,
        "DefaultDomain",
        "Join(\"@\", \"anna\", DefaultDomain())",
        "\"anna@contoso.onmicrosoft.com\"",
    ),
    (Cloud, "IsNothing", "IsNothing([missing])", "True"),
    (
        Cloud,
        "Prepend",
        "Prepend([department], \"x\")",
        "\"xSales\"",
    ),
    (Cloud, "Guid", "Len(Guid())", "36"),
    (Cloud, "Now", "Now()", "\"9/27/2021 2:09:16 PM\""),
    (Connect, "BitOr", "BitOr(&HF0, 5)", "245"),
    (Connect, "CBin", "CBin([objectSid])", "[objectSid]"),
    (
        Connect,
        "CDate",
        "CDate(\"2013-01-10 4:00 PM -8\")",
        "\"1/11/2013 12:00:00 AM\"",
    ),
    (
        Connect,
        "CGuid",
        "StringFromGuid(CGuid(\"{00001111-aaaa-2222-bbbb-3333cccc4444}\"))",
        "\"00001111-aaaa-2222-bbbb-3333cccc4444\"",
    ),
    (Connect, "CNum", "CNum(\"7\")", "7"),
    (
        Connect,
        "Contains",
        "IIF(Contains([proxyAddresses],\"SMTP:\")>0,[proxyAddresses],Error(\"No primary SMTP address found.\"))",
        "[proxyAddresses]",
    ),
    (
        Connect,
        "Contains",
        "Contains([proxyAddresses], \"JSMITH\", CaseInsensitive)",
        "1",
    ),
    (
        Connect,
        "ConvertFromUTF8Hex",
        "ConvertFromUTF8Hex(\"48656C6C6F20776F726C6421\")",
        "\"Hello world!\"",
    ),
    (
        Connect,
        "CRef",
        "CRef(\"CN=LC Services,CN=Microsoft,\" & %Domain.LDAP%)",
        "\"CN=LC Services,CN=Microsoft,DC=contoso,DC=com\"",
    ),
    (Connect, "CStr", "CStr([dn])", "[dn]"),
    (
        Connect,
        "DateAdd",
        "DateAdd(\"m\", 3, CDate(\"2001-01-01\"))",
        "\"4/1/2001 12:00:00 AM\"",
    ),
    (
        Connect,
        "DNComponent",
        "DNComponent(CRef([dn]),1)",
        "\"Joe\"",
    ),
    (
        Connect,
        "DNComponentRev",
        "DNComponentRev(CRef([dn]),3)",
        "\"US\"",
    ),
    (
        Connect,
        "DNComponentRev",
        "DNComponentRev(CRef([dn]),1,\"DC\")",
        "\"US\"",
    ),
    (
        Connect,
        "Error",
        "IIF(IsPresent([accountName]),[accountName],Error(\"AccountName is required\"))",
        "error",
    ),
    (
        Connect,
        "EscapeDNComponent",
        "EscapeDNComponent(\"cn=\" & \"Doe, John\") & \",\" & %Domain.LDAP%",
        "\"cn=Doe\\\\, John,DC=contoso,DC=com\"",
    ),
    (
        Connect,
        "FormatDateTime",
        "FormatDateTime(CDate(\"12/25/2007\"),\"yyyy-MM-dd\")",
        "\"2007-12-25\"",
    ),
    (
        Connect,
        "FormatDateTime",
        "FormatDateTime(DateFromNum(130543784930000000),\"yyyyMMddHHmmss.0Z\")",
        "\"20140905081453.0Z\"",
    ),
    (Connect, "GUID", "Len(GUID())", "36"),
    (
        Connect,
        "IIF",
        "IIF([department]=\"Sales\",\"t-\" & [givenName],[givenName])",
        "\"t-John\"",
    ),
    (Connect, "InStrRev", "InStrRev(\"abbcdbbbef\",\"bb\")", "7"),
    (Connect, "IsBitSet", "IsBitSet(&HF,4)", "True"),
    (Connect, "IsDate", "IsDate(\"2001-01-01\")", "True"),
    (Connect, "IsEmpty", "IsEmpty([missing])", "False"),
    (
        Connect,
        "IsGuid",
        "IIF(IsGuid([department]),CGuid([department]),NULL)",
        "NULL",
    ),
    (Connect, "IsNumeric", "IsNumeric(\"7\")", "True"),
    (
        Connect,
        "IsPresent",
        "Switch(IsPresent([directManager]),[directManager], IsPresent([skiplevelManager]),[skiplevelManager], IsPresent([department]),[department])",
        "\"Sales\"",
    ),
    (
        Connect,
        "ItemOrNull",
        "ItemOrNull([proxyAddresses], 9)",
        "NULL",
    ),
    (
        Connect,
        "Join",
        "Join([proxyAddresses],\",\")",
        "\"smtp:jsmith@contoso.com,SMTP:jsmith@contoso.com\"",
    ),
    (Connect, "LCase", "LCase(\"TeSt\")", "\"test\""),
    (Connect, "Len", "Len(\"John Doe\")", "8"),
    (Connect, "LTrim", "LTrim(\" Test \")", "\"Test \""),
    (Connect, "Mid", "Mid(\"John Doe\", 99, 2)", "\"John Doe\""),
    (
        Connect,
        "NumFromDate",
        "NumFromDate(CDate(\"2012-01-01 23:00:00\"))",
        "129699324000000000",
    ),
    (
        Connect,
        "PadLeft",
        "PadLeft(\"User\", 10, \"0\")",
        "\"000000User\"",
    ),
    (
        Connect,
        "PadRight",
        "PadRight(\"User\", 10, \"0\")",
        "\"User000000\"",
    ),
    (Connect, "PCase", "PCase(LCase(\"TEST\"))", "\"Test\""),
    (Connect, "RandomNum", "RandomNum(734, 734)", "734"),
    (
        Connect,
        "Replace",
        "Replace(\"One Microsoft Way\" & CRLF & \"Redmond\",\"\\r\\n\",\", \")",
        "\"One Microsoft Way, Redmond\"",
    ),
    (
        Connect,
        "ReplaceChars",
        "ReplaceChars(\"Räksmörgås\", \"’:,Å:A,Ä:A,Ö:O,å:a,ä:a,ö:o\")",
        "\"Raksmorgas\"",
    ),
    (
        Connect,
        "ReplaceChars",
        "ReplaceChars(\"O’Neil\", \"’:,Å:A,Ä:A,Ö:O,å:a,ä:a,ö:o\")",
        "\"ONeil\"",
    ),
    (Connect, "Right", "Right(\"John Doe\", 3)", "\"Doe\""),
    (Connect, "RTrim", "RTrim(\" Test \")", "\" Test\""),
    (
        Connect,
        "Select",
        "Select($item,[otherPhone],Replace($item,\"-\",\"\"))",
        "Split(\"55501,55502\", \",\")",
    ),
    (
        Connect,
        "Split",
        "Count(Split(\"SMTP:john.doe@contoso.com,smtp:jd@contoso.com\",\",\"))",
        "2",
    ),
    (
        Connect,
        "StringFromGuid",
        "StringFromGuid([missing])",
        "NULL",
    ),
    (
        Connect,
        "Switch",
        "Switch([city] = \"London\", \"English\", [city] = \"Rome\", \"Italian\", [city] = \"Paris\", \"French\", True, Error(\"Unknown city\"))",
        "\"Italian\"",
    ),
    (Connect, "Trim", "Trim([padded])", "Split(\"a,b\", \",\")"),
    (Connect, "UCase", "UCase(\"TeSt\")", "\"TEST\""),
    (Connect, "ValueCount", "ValueCount(\"proxyAddresses\")", "2"),
    (
        Connect,
        "Where",
        "Where($item,[proxyAddresses],InStr($item,\"SMTP:\")=1)",
        "\"SMTP:jsmith@contoso.com\"",
    ),
    (
        Connect,
        "With",
        "With($found,Where($item,[otherPhone],CDate($item)>Now()),IIF(Count($found)>0,$found,NULL))",
        "error",
    ),
    (
        Connect,
        "With",
        "With($found,Where($item,[otherPhone],Len($item)>9),IIF(Count($found)>0,$found,NULL))",
        "NULL",
    ),
    (Operators, "Language definitions", "98052 + &HFF", "98307"),
    (
        Connect,
        "CertNotAfter",
        "CertNotAfter([userCertificate])",
        "\"1/1/2022 12:00:00 AM\"",
    ),
    (
        Connect,
        "CertNotBefore",
        "CertNotBefore([userCertificate])",
        "\"1/1/2021 12:00:00 AM\"",
    ),
    (
        Connect,
        "CertSubject",
        "CertSubject([userCertificate])",
        "CertSubjectNameDN([userCertificate])",
    ),
    (
        Connect,
        "CertIssuer",
        "CertIssuer([userCertificate])",
        "CertIssuerDN([userCertificate])",
    ),
    (
        Connect,
        "CertSerialNumber",
        "CertSerialNumber([userCertificate])",
        "\"1A2B\"",
    ),
    (
        Connect,
        "CertSignatureAlgorithmOid",
        "CertSignatureAlgorithmOid([userCertificate])",
        "\"1.2.840.10045.4.3.2\"",
    ),
    (
        Connect,
        "CertKeyAlgorithm",
        "CertKeyAlgorithm([userCertificate])",
        "CertPublicKeyOid([userCertificate])",
    ),
    (
        Connect,
        "CertPublicKeyOid",
        "CertPublicKeyOid([userCertificate])",
        "\"1.2.840.10045.2.1\"",
    ),
    (
        Connect,
        "CertVersion",
        "CertVersion([userCertificate])",
        "\"1\"",
    ),
    (
        Connect,
        "CertFormat",
        "CertFormat([userCertificate])",
        "\"X509\"",
    ),
    (
        Connect,
        "CertThumbprint",
        "CertThumbprint([userCertificate])",
        "Thumbprint([userCertificate])",
    ),
    (
        Connect,
        "Thumbprint",
        "Thumbprint([userCertificate])",
        "CertHashString([userCertificate])",
    ),
    (
        Connect,
        "CertHashString",
        "CertHashString([userCertificate])",
        "\"2C051F96FDC321077FF238EACF441C540CEB13F2\"",
    ),
    (
        Connect,
        "CertSubjectNameDN",
        "CertSubjectNameDN([userCertificate])",
        "\"CN=Anna, O=\\\"Canal, Ltd\\\", C=NL\"",
    ),
    (
        Connect,
        "CertIssuerDN",
        "CertIssuerDN([userCertificate])",
        "\"CN=Root, O=Canal\"",
    ),
    (Connect, "IsCert", "IsCert([userCertificate])", "True"),
    (
        Connect,
        "Where",
        "Where($item,[userCertificate],CertNotAfter($item)>Now())",
        "[userCertificate]",
    ),
    (
        Connect,
        "With",
        "With($unExpiredCerts,Where($item,[userCertificate],CertNotAfter($item)>Now()),IIF(Count($unExpiredCerts)>0,$unExpiredCerts,NULL))",
        "[userCertificate]",
    ),
    (
        Operators,
        "Language definitions",
        "IIF([department] = \"Sales\", IgnoreThisFlow, 1)",
        "ignored",
    ),
    (Operators, "Parameters", "%Domain.Netbios%", "\"CONTOSO\""),
    (Operators, "Operators", "2*(5+3)", "16"),
    (Operators, "Operators", "2*5+3", "13"),
    (Operators, "Operators", "2+5*3", "17"),
    (Operators, "Operators", "7-2-1", "4"),
    (Operators, "Operators", "7/2", "3"),
    (Operators, "Operators", "7/0", "error"),
    (
        Operators,
        "Operators",
        "1 < 2 && 2 <= 2 && 3 > 2 && 3 >= 3 && 1 <> 2 && 1 = 1",
        "True",
    ),
    (
        Operators,
        "Operators",
        "IsPresent([missing]) = False || [department] = \"x\"",
        "True",
    ),
    (
        Operators,
        "Operators",
        "!IsPresent([department]) || False",
        "False",
    ),
    (Operators, "Operators", "\"a\" & 1 + 2", "\"a3\""),
    (
        Operators,
        "Multi-valued attributes",
        "Trim([padded])",
        "Split(\"a,b\", \",\")",
    ),
    (
        Operators,
        "Multi-valued attributes",
        "Word([proxyAddresses],1,\"@\") & \"@contoso.com\"",
        "[proxyAddresses]",
    ),
];

fn attributes() -> Attributes {
    let text = |values: &[&str]| values.iter().map(|v| Value::from(*v)).collect::<Vec<_>>();
    let sid = [1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 32, 2, 0, 0];
    [
        ("userPrincipalName", text(&["jsmith@contoso.com"])),
        ("a", text(&["x"])),
        ("b", text(&["x"])),
        ("department", text(&["Sales"])),
        ("country", text(&["NL"])),
        ("state", text(&["NSW"])),
        ("city", text(&["Rome"])),
        ("surname", text(&["Doe"])),
        ("givenName", text(&["John"])),
        ("padded", text(&[" a", "b "])),
        ("otherPhone", text(&["555-01", "555-02"])),
        (
            "dn",
            text(&["cn=Joe,ou=Atlanta,ou=GA,ou=US, dc=contoso,dc=com"]),
        ),
        (
            "proxyAddresses",
            text(&["smtp:jsmith@contoso.com", "SMTP:jsmith@contoso.com"]),
        ),
        ("objectSid", vec![Value::binary(sid)]),
        (
            "userCertificate",
            functions::sample::object()
                .values("userCertificate")
                .unwrap()
                .to_vec(),
        ),
    ]
    .into_iter()
    .collect()
}

fn given(text: &str) -> String {
    let attributes = attributes();
    let anchor = Anchor::new([1; 16]);
    let view = SourceView::new(&anchor, "user", &attributes);
    let seed = sync_core::expression::random::Seed::new([2; 32]);
    let context = Context {
        domain_fqdn: "contoso.com",
        domain_netbios: "CONTOSO",
        initial_domain: "contoso.onmicrosoft.com",
        now: Some("2021-09-27T14:09:16Z".parse().unwrap()),
        seed: Some(&seed),
        ..Context::default()
    };
    match trial::run(text, &view, &context) {
        Ok(trial) => match trial.result {
            Tried::Values(values) => format!("{values:?}"),
            Tried::Candidates(_) => "candidates".into(),
            Tried::LeftAlone => "ignored".into(),
            Tried::Failed(_) => "error".into(),
        },
        Err(mistakes) => format!("{mistakes:?}"),
    }
}

#[test]
fn every_example_of_the_documents_gives_what_they_say() {
    let mut wrong = Vec::new();
    for (book, section, expression, expected) in ROWS {
        let wanted = match *expected {
            word @ ("error" | "ignored" | "candidates") => word.to_owned(),
            other => given(other),
        };
        let got = given(expression);
        if got != wanted {
            wrong.push(format!(
                "{book:?}, {section}: {expression}\n  gives {got}\n  not   {wanted}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_documented_function_has_a_row() {
    for function in functions::ALL {
        let is_there = |book: Book| {
            let mut rows = ROWS.iter();
            rows.any(|row| row.0 == book && row.2.contains(&format!("{}(", function.name)))
        };
        let is_covered = match function.origin {
            Origin::Cloud => is_there(Cloud),
            Origin::Connect => is_there(Connect),
            Origin::Both => is_there(Cloud) || is_there(Connect),
            Origin::Own => true,
        };
        assert!(
            is_covered || function.name == "IgnoreThisFlow",
            "{}",
            function.name
        );
    }
}
