// Gaussian values of unequal scale, pooled: what Mohammadi's estimator of the tail index reads off them.
(function (root) {
  "use strict";

  // The estimator's limit on s_i Z_i, Z Gaussian, scales mixed inside blocks: 1 / alpha = 1/2 + D / log K1. For large
  // blocks D is that of all scales together; for any, the mean over blocks of 1/2 log (mean of s^2) - (mean of log s).
  const reading = (dispersion, block) => 1 / (0.5 + dispersion / Math.log(block));

  // D = 1/2 log E s^2 - E log s; for lognormal scales with log-standard deviation tau it is tau^2.
  function dispersion(scales) {
    const mean = (f) => scales.reduce((sum, s) => sum + f(s), 0) / scales.length;
    return 0.5 * Math.log(mean((s) => s * s)) - mean(Math.log);
  }

  // Sums of the squares of the first i scales exp(tau u_i), i = 0, 1, ...
  function squareSums(logScales, tau) {
    const sums = new Float64Array(logScales.length + 1);
    logScales.forEach((u, i) => { sums[i + 1] = sums[i] + Math.exp(2 * tau * u); });
    return sums;
  }

  // What blocks of neighbours read, given their own scales: what the limit forgets is that a small block has few of them.
  function blocksReading(sums, logScales, tau, block) {
    const blocks = Math.floor(logScales.length / block);
    let [spread, logs] = [0, 0];
    for (let j = 0; j < blocks; j++) spread += 0.5 * Math.log((sums[(j + 1) * block] - sums[j * block]) / block);
    for (let i = 0; i < blocks * block; i++) logs += tau * logScales[i];
    return reading(spread / blocks - logs / (blocks * block), block);
  }

  // 1 / alpha = (E log|X_1 + ... + X_K1| - E log|X|) / log K1; the last n mod K1 values are left out.
  function mohammadi(values, block) {
    const used = Math.floor(values.length / block) * block;
    let terms = 0;
    let sums = 0;
    for (let i = 0; i < used; i += block) {
      let sum = 0;
      for (let j = i; j < i + block; j++) {
        sum += values[j];
        terms += Math.log(Math.abs(values[j]));
      }
      sums += Math.log(Math.abs(sum));
    }
    const inverse = (sums / (used / block) - terms / used) / Math.log(block);
    return inverse > 0 ? 1 / inverse : Infinity;
  }

  // Density of |s Z| with s lognormal of median 1, by the trapezoidal rule in log s, exact to many digits.
  function density(x, tau) {
    const half = 60;
    let sum = 0;
    let weights = 0;
    for (let k = -half; k <= half; k++) {
      const u = (7 * k) / half;
      const s = Math.exp(tau * u);
      const weight = Math.exp((-u * u) / 2);
      weights += weight;
      sum += (weight * 2 * Math.exp((-x * x) / (2 * s * s))) / (Math.sqrt(2 * Math.PI) * s);
    }
    return sum / weights;
  }

  // Mulberry32 and Box-Muller: the same values on every visit.
  function normals(count, seed) {
    let state = seed >>> 0;
    const uniform = () => {
      state = (state + 0x6d2b79f5) >>> 0;
      let t = state;
      t = Math.imul(t ^ (t >>> 15), t | 1);
      t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
      return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
    };
    const values = new Float64Array(count);
    for (let i = 0; i < count; i++) values[i] = Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
    return values;
  }

  root.descentTail = { reading, dispersion, squareSums, blocksReading, mohammadi, density, normals };
  if (!root.document || !root.descentLive) return;

  const { Panel, register, assemble } = root.descentLive;
  const SIZE = 100000;

  register("tail", (stage) => {
    const z = normals(SIZE, 1);
    const logScales = normals(SIZE, 2);
    const log = Math.log10;
    const shape = new Panel("Density of the pooled values", "", {
      x: [-1, 3], y: [-9, 0.5], xLabel: "size, in units of the median scale", yLabel: "density",
      xTicks: [[-1, "0.1"], [0, "1"], [1, "10"], [2, "100"], [3, "1000"]], yTicks: [[0, "1"], [-3, "10⁻³"], [-6, "10⁻⁶"], [-9, "10⁻⁹"]],
    });
    const estimate = new Panel("What the estimator reads", "", {
      x: [0.3, 4], y: [0, 2.2], xLabel: "values in a sum, K1", yLabel: "estimate of α",
      xTicks: [[1, "10"], [2, "100"], [3, "1000"], [4, "10⁴"]], yTicks: [[0, "0"], [1, "1"], [2, "2"]],
    });

    assemble(
      stage,
      {
        tau: { label: "Spread of the scales τ", min: 0, max: 2, step: 0.05, start: 1, show: (x) => x.toFixed(2) },
        block: { label: "Values in a sum K1", min: 0.31, max: 3.5, step: 0.01, start: 2, value: (x) => Math.max(2, Math.round(10 ** x)), show: String },
      },
      [shape, estimate],
      ({ tau, block }) => {
        const values = z.map((value, i) => Math.exp(tau * logScales[i]) * value);
        const sample = mohammadi(values, block);
        const alone = mohammadi(z, block);
        const sums = squareSums(logScales, tau);
        const formula = (b) => blocksReading(sums, logScales, tau, b);
        const limit = formula(block);
        shape.clear(`Density of the pooled values for a spread of ${tau.toFixed(2)}, with that of one Gaussian of the same variance.`);
        const xs = Array.from({ length: 121 }, (_, k) => -1 + k / 30);
        const deviation = Math.exp(tau * tau); // of the pooled values
        const gaussian = (x) => log(2 / (Math.sqrt(2 * Math.PI) * deviation)) - ((x * x) / (2 * deviation * deviation)) * Math.LOG10E;
        shape.line("b", xs.map((x) => [x, gaussian(10 ** x)]));
        shape.line("a", xs.map((x) => [x, log(density(10 ** x, tau) + 1e-300)]));
        shape.text("a-text", 2.95, -0.1, "pooled (solid)", "end");
        shape.text("b-text", 2.95, -0.8, "Gaussian (dashed)", "end");
        estimate.clear(`The estimate against K1: ${limit.toFixed(2)} at K1 = ${block}, where a Gaussian has 2.`);
        estimate.line("axis", [[0.3, 2], [4, 2]]);
        const blocks = [...new Set(Array.from({ length: 75 }, (_, k) => Math.max(2, Math.round(10 ** (0.31 + k / 20)))))];
        estimate.line("a", blocks.map((b) => [log(b), formula(b)]));
        estimate.dot("dot-a", log(block), sample, 5);
        estimate.dot("dot-b", log(block), alone, 5);
        estimate.text("b-text", 3.95, 2.08, "each value over its own scale", "end");
        estimate.text("a-text", 3.95, 0.12, "pooled: formula and one sample", "end");
        return `Every value is Gaussian (α = 2). Pooled, the estimator reads ${sample.toFixed(2)} off ${SIZE.toLocaleString("en")} of them ` +
          `(formula: ${limit.toFixed(2)}); with each value divided by its own scale, ${alone.toFixed(2)}.`;
      },
    );
  });
})(globalThis);
