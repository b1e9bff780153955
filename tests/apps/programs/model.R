# Random numbers, a linear model and an eigenvalue problem: prints coefficients of every round.
rounds <- as.integer(commandArgs(trailingOnly = TRUE)[1])
set.seed(42)
for (round in 0:(rounds - 1)) {
  x <- matrix(rnorm(4000 * 4), ncol = 4)
  y <- x %*% c(1, 2, 3, 4) + rnorm(4000)
  fit <- lm(y ~ x)
  values <- eigen(crossprod(x))$values
  cat("round", round, format(signif(c(coef(fit), values[1]), 8)), "\n")
  flush(stdout())
}
