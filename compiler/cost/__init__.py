"""Operation counts of compiled programs, and the bound on the cost of their derivatives. Knows jaxprs alone."""
