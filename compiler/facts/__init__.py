"""What is known of expressions: sign, curvature, dependence, smoothness, and the class of a problem."""
