// The exponent p of y ≈ c · x^p: least squares on logarithms.

export function powerLawExponent(x: readonly number[], y: readonly number[]): number {
  if (x.length < 2 || x.length !== y.length) {
    throw new RangeError(
      `powerLawExponent: wants two or more pairs, got ${x.length} and ${y.length} numbers`,
    );
  }
  const logX = x.map(Math.log), logY = y.map(Math.log);
  const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length;
  const meanX = mean(logX), meanY = mean(logY);
  let covariance = 0, variance = 0;
  for (let i = 0; i < x.length; i++) {
    covariance += (logX[i] - meanX) * (logY[i] - meanY);
    variance += (logX[i] - meanX) ** 2;
  }
  if (!(variance > 0) || !Number.isFinite(covariance)) {
    throw new RangeError("powerLawExponent: wants different, positive numbers");
  }
  return covariance / variance;
}
