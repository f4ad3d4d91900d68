//! `hybridge references`: who waits for whom is told with the reason, page by page and by reason.

use crate::world::world;

#[test]
fn references_that_wait_are_listed_with_the_reason() {
    let world = world();
    let page = world.json(&["references"]);
    let items = page["items"].as_array().unwrap();
    for one in items {
        for text in [
            &one["holder"]["name"],
            &one["attribute"],
            &one["to"]["reason"],
            &one["to"]["text"],
        ] {
            assert!(!text.as_str().unwrap().is_empty(), "{one}");
        }
    }
    let first = world.json(&["references", "--limit", "1"]);
    assert_eq!(
        first["items"].as_array().unwrap().len(),
        items.len().min(1),
        "{first}"
    );
    let none = world.json(&["references", "--reason", "noConnector"]);
    assert_eq!(none["items"].as_array().unwrap().len(), 0, "{none}");
    let ran = world.ask(&["references", "--job", "nobody"]);
    assert_eq!(ran.code, 1, "{ran:?}");
}
