//! Macros that declare a section once: `section!` a struct, `tagged!` an enum
//! with a tag. Both make the serde type and the rows of the table; the doc
//! comment of a field is also its description in the JSON Schema and in hints.

/// `pub struct TYPE = TABLE("path") { /// … name: Type = row(form, …), … }`,
/// where `row` is `required`, `optional` or `default`. A field that manifests of
/// earlier versions lack has `#[serde(default)]` after its description; with
/// `skip_serializing_if`, manifests of plans without it are as they were. With
/// `with /// … name: Type = TAGGED` before the fields, the variants of `tagged!` are
/// those of the section, too, and the struct has them as one more field.
macro_rules! section {
    (
        $(#[doc = $about:literal])+ $(#[derive($($derive:ident),+)])?
        pub struct $type:ident = $table:ident($path:literal) $(.$set:ident($with:expr))*
        $(with $(#[doc = $tag_doc:literal])+ $tag:ident: $tagged:ty = $variants:ident)? {$(
            $(#[doc = $doc:literal])+ $(#[serde($($serde:tt)+)])?
            $name:ident: $of:ty = $row:ident($($arg:expr),+) $(.$more:ident($value:expr))*
        ),+ $(,)?}
    ) => {
        $(#[doc = $about])+
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        $(#[derive($($derive),+)])?
        #[serde(deny_unknown_fields)]
        pub struct $type {
            $( $(#[doc = $tag_doc])+ #[serde(default)] pub $tag: $tagged, )?
            $( $(#[doc = $doc])+ $(#[serde($($serde)+)])? pub $name: $of, )+
        }

        pub(super) static $table: Section = Section::new($path, concat!($($about),+), &[$(
            $row(stringify!($name), concat!($($doc),+), $($arg),+) $(.$more($value))*
        ),+]) $(.$set($with))* $(.variants_of(&$variants))?;
    };
}

/// `pub enum TYPE = TABLE("path", "tag", "default") { /// … Variant = "name" {
/// fields as in `section!` }, … }`.
macro_rules! tagged {
    (
        $(#[doc = $about:literal])+ $(#[derive($($derive:ident),+)])?
        pub enum $type:ident = $table:ident($path:literal, $tag:literal, $default:literal) {$(
            $(#[doc = $kind:literal])+ $variant:ident = $variant_name:literal {$(
                $(#[doc = $doc:literal])+
                $name:ident: $of:ty = $row:ident($($arg:expr),+) $(.$more:ident($value:expr))*
            ),* $(,)?}
        ),+ $(,)?}
    ) => {
        $(#[doc = $about])+
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        $(#[derive($($derive),+)])?
        #[serde(tag = $tag, deny_unknown_fields)]
        pub enum $type {$(
            $(#[doc = $kind])+
            #[serde(rename = $variant_name)]
            $variant {$( $(#[doc = $doc])+ $name: $of, )*},
        )+}

        pub(super) static $table: Section = Section::new($path, concat!($($about),+), &[])
            .tagged($tag, $default, &[$(Variant {
                name: $variant_name,
                about: concat!($($kind),+),
                fields: &[$(
                    $row(stringify!($name), concat!($($doc),+), $($arg),+) $(.$more($value))*
                ),*],
            }),+]);
    };
}

pub(super) use {section, tagged};
