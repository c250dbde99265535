"""Text to AST: grammar, layout, diagnostics. Knows Lark, never JAX."""
