"""AST to executable: analysis, reductions, lowering."""
