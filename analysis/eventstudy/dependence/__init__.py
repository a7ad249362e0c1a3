"""How much events move together: mean residual correlation and its pairs."""
