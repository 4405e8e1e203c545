//! Compares the routes in the source with the document.

use std::collections::BTreeSet;
use std::path::Path;

use syn::visit::{self, Visit};

use crate::architecture_layers::sources;

/// Collects the routes of the API: the calls `.route("/api/…", get(…).post(…))`.
#[derive(Default)]
struct ApiRoutes(BTreeSet<(String, String)>);

impl<'ast> Visit<'ast> for ApiRoutes {
    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        visit::visit_expr_method_call(self, call);
        let mut arguments = call.args.iter();
        if call.method != "route" {
            return;
        }
        if let (Some(syn::Expr::Lit(path)), Some(handlers)) = (arguments.next(), arguments.next())
            && let syn::Lit::Str(path) = &path.lit
            && (path.value().starts_with("/api/") || path.value().starts_with("/stats"))
        {
            let mut methods = RouteMethods::default();
            methods.visit_expr(handlers);
            assert!(!methods.0.is_empty(), "{}", path.value());
            let methods = methods.0.into_iter();
            self.0.extend(methods.map(|method| (method, path.value())));
        }
    }

    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        if module.ident != "tests" {
            visit::visit_item_mod(self, module);
        }
    }
}

/// Collects the methods of one route. axum serves HEAD with GET.
#[derive(Default)]
struct RouteMethods(Vec<String>);

impl RouteMethods {
    fn add(&mut self, name: &syn::Ident) {
        let name = name.to_string();
        if super::METHODS.contains(&name.as_str()) {
            self.0.push(name.to_uppercase());
        }
    }
}

impl<'ast> Visit<'ast> for RouteMethods {
    fn visit_expr_call(&mut self, call: &'ast syn::ExprCall) {
        if let syn::Expr::Path(function) = &*call.func
            && let Some(name) = function.path.get_ident()
        {
            self.add(name);
        }
        visit::visit_expr_call(self, call);
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        self.add(&call.method);
        visit::visit_expr_method_call(self, call);
    }
}

#[tokio::test]
async fn the_document_lists_exactly_the_routes_of_the_api() {
    let server = super::server(None).await;
    let document = super::document(&server).await;
    let documented = super::operations(&document).into_iter();
    let documented: BTreeSet<_> = documented.map(|(method, path, _)| (method, path)).collect();
    let mut routes = ApiRoutes::default();
    for file in sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http")) {
        let text = std::fs::read_to_string(file).unwrap();
        routes.visit_file(&syn::parse_file(&text).unwrap());
    }
    assert_eq!(routes.0, documented);
    assert!(documented.len() > 25, "{documented:?}");
}
