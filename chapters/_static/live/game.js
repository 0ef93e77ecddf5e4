// Two players on the game with the Jacobian [[mu, sigma], [-sigma, mu]]: where a rule goes, and where it is stable.
(function (root) {
  "use strict";

  const LAMBDA = 1; // SGA's strength
  const GAMMA = 0.5; // consensus optimisation's weight

  const xi = ({ mu, sigma }, [x, y]) => [mu * x + sigma * y, mu * y - sigma * x];
  const add = ([x, y], scale, [dx, dy]) => [x + scale * dx, y + scale * dy];

  // rule(game, eta) -> step; step([x, y], memory) -> [[x, y], memory]. Memory is two numbers, or empty.
  const RULES = {
    "gradient descent": (game, eta) => (w) => [add(w, -eta, xi(game, w)), []],
    "alternating GD": (game, eta) => (w) => {
      const x = w[0] - eta * xi(game, w)[0];
      return [[x, w[1] - eta * xi(game, [x, w[1]])[1]], []];
    },
    "negative momentum": (game, eta) => (w, memory) => {
      const u = add([-0.5 * memory[0], -0.5 * memory[1]], -eta, xi(game, w));
      return [add(w, 1, u), u];
    },
    OMD: (game, eta) => (w, memory) => {
      const now = xi(game, w);
      return [add(add(w, -2 * eta, now), eta, memory), now];
    },
    extragradient: (game, eta) => (w) => [add(w, -eta, xi(game, add(w, -eta, xi(game, w)))), []],
    LookAhead: (game, eta) => (w) => {
      const moved = add(w, -eta, xi(game, w));
      return [[w[0] - eta * xi(game, [w[0], moved[1]])[0], w[1] - eta * xi(game, [moved[0], w[1]])[1]], []];
    },
    SGA: (game, eta) => (w) => {
      const g = xi(game, w);
      const turn = [-game.sigma * g[1], game.sigma * g[0]]; // A^T xi
      return [add(w, -eta, add(g, LAMBDA, turn)), []];
    },
    consensus: (game, eta) => (w) => {
      const g = xi(game, w);
      const down = [game.mu * g[0] - game.sigma * g[1], game.sigma * g[0] + game.mu * g[1]]; // J^T xi
      return [add(w, -eta, add(g, GAMMA, down)), []];
    },
    CGD: (game, eta) => (w) => {
      const g = xi(game, w);
      const s = eta * game.sigma;
      const dx = (-eta * (g[0] - s * g[1])) / (1 + s * s);
      return [[w[0] + dx, w[1] - eta * (g[1] - game.sigma * dx)], []];
    },
  };
  const WITH_MEMORY = { "negative momentum": true, OMD: true };

  // Points of `steps` steps from `start`, the start included; OMD's memory begins with the first gradient.
  function trajectory(rule, eta, mu, sigma, start, steps) {
    const step = RULES[rule]({ mu, sigma }, eta);
    const points = [start];
    let memory = rule === "OMD" ? xi({ mu, sigma }, start) : [0, 0];
    for (let k = 0; k < steps; k++) {
      const [w, next] = step(points[k], memory);
      points.push(w);
      memory = next;
    }
    return points;
  }

  // One step is linear in position and memory: its matrix, column by column.
  function matrix(rule, eta, mu, sigma) {
    const step = RULES[rule]({ mu, sigma }, eta);
    const size = WITH_MEMORY[rule] ? 4 : 2;
    const m = Array.from({ length: size }, () => new Float64Array(size));
    for (let j = 0; j < size; j++) {
      const z = [0, 0, 0, 0];
      z[j] = 1;
      const [w, memory] = step(z.slice(0, 2), z.slice(2));
      [...w, ...memory].slice(0, size).forEach((value, i) => { m[i][j] = value; });
    }
    return m;
  }

  // log rho = lim log |M^(2^k)| / 2^k: squared again and again, scaled to norm one each time.
  function spectralRadius(rule, eta, mu, sigma, squarings = 45) {
    let m = matrix(rule, eta, mu, sigma);
    const size = m.length;
    let log = 0;
    for (let k = 0; k <= squarings; k++) {
      let norm = 0;
      for (const row of m) for (const value of row) norm += value * value;
      norm = Math.sqrt(norm);
      if (norm === 0) return 0;
      log += Math.log(norm) / 2 ** k;
      for (const row of m) for (let j = 0; j < size; j++) row[j] /= norm;
      if (k === squarings) break;
      const square = Array.from({ length: size }, () => new Float64Array(size));
      for (let i = 0; i < size; i++)
        for (let l = 0; l < size; l++) for (let j = 0; j < size; j++) square[i][j] += m[i][l] * m[l][j];
      m = square;
    }
    return Math.exp(log);
  }

  // The first step size at which the rule stops contracting: 0 if at once, Infinity if not before `largest`.
  function threshold(rule, mu, sigma, largest = 10, smallest = 1e-3) {
    const contracts = (eta) => spectralRadius(rule, eta, mu, sigma) < 1 - 1e-11;
    if (!contracts(smallest)) return 0;
    let low = smallest;
    for (let k = 1; k <= 300; k++) {
      const eta = smallest * (largest / smallest) ** (k / 300);
      if (!contracts(eta)) {
        let high = eta;
        for (let i = 0; i < 50; i++) {
          const middle = (low + high) / 2;
          if (contracts(middle)) low = middle; else high = middle;
        }
        return (low + high) / 2;
      }
      low = eta;
    }
    return Infinity;
  }

  // Where a rule converges, row by row of the plane of eta mu (from -0.5 to 3) and eta sigma (from 0 to 2.5): spans
  // [bottom, top, left, right]. The spectral radius is taken at the middle of a row, the ends between two columns.
  function stableSpans(rule, eta) {
    const [columns, rows] = [70, 100];
    const column = (c) => -0.5 + (c / columns) * 3.5;
    const row = (r) => (r / rows) * 2.5;
    const spans = [];
    for (let r = 0; r < rows; r++) {
      const excess = Array.from({ length: columns + 1 }, (_, c) =>
        spectralRadius(rule, eta, column(c) / eta, row(r + 0.5) / eta, 12) - 1);
      const crossing = (c) => column(c + excess[c] / (excess[c] - excess[c + 1]));
      for (let c = 0; c <= columns; c++) {
        if (excess[c] >= 0) continue;
        const from = c === 0 ? column(0) : crossing(c - 1);
        while (c < columns && excess[c + 1] < 0) c++;
        spans.push([row(r), row(r + 1), from, c === columns ? column(columns) : crossing(c)]);
      }
    }
    return spans;
  }

  root.descentGame = { RULES, trajectory, matrix, spectralRadius, threshold, stableSpans };
  if (!root.document || !root.descentLive) return;

  const { Panel, register, assemble } = root.descentLive;

  register("game", (stage) => {
    const path = new Panel("Sixty steps", "", {
      x: [-1.6, 1.6], y: [-1.6, 1.6], xLabel: "player 1’s parameter", yLabel: "player 2’s parameter", square: true,
      xTicks: [[-1, "−1"], [0, "0"], [1, "1"]], yTicks: [[-1, "−1"], [0, "0"], [1, "1"]],
    });
    const region = new Panel("Where this rule converges", "", {
      x: [-0.5, 3], y: [0, 2.5], xLabel: "step size × potential, ημ", yLabel: "step size × rotation, ησ", square: true,
      xTicks: [[0, "0"], [1, "1"], [2, "2"], [3, "3"]], yTicks: [[0, "0"], [1, "1"], [2, "2"]],
    });

    const shapes = new Map(); // a region is costly to find, and for most rules it is the same at every step size

    function shade(rule, eta) {
      const key = rule === "SGA" || rule === "consensus" ? `${rule} ${eta}` : rule;
      if (!shapes.has(key)) shapes.set(key, outline(rule, eta));
      region.path("region", shapes.get(key));
    }

    const outline = (rule, eta) => stableSpans(rule, eta).map(([bottom, top, from, to]) =>
      `M${region.x(from).toFixed(1)} ${region.y(bottom).toFixed(2)}H${region.x(to).toFixed(1)}V${region.y(top).toFixed(2)}H${region.x(from).toFixed(1)}Z`).join("");

    assemble(
      stage,
      {
        rule: { label: "Rule", options: Object.keys(RULES), start: "OMD" },
        eta: { label: "Step size η", min: 0.01, max: 1.5, step: 0.01, start: 0.3 },
        mu: { label: "Potential μ", min: 0, max: 2, step: 0.05, start: 0.1 },
        sigma: { label: "Rotation σ", min: 0, max: 2, step: 0.05, start: 1 },
      },
      [path, region],
      ({ rule, eta, mu, sigma }) => {
        const points = trajectory(rule, eta, mu, sigma, [1, 0], 60);
        const rho = spectralRadius(rule, eta, mu, sigma);
        const largest = threshold(rule, mu, sigma);
        const word = Math.abs(rho - 1) < 1e-9 ? "neither converges nor diverges" : rho < 1 ? "converges" : "diverges";
        path.clear(`Sixty steps of ${rule} from the point (1, 0): it ${word}.`);
        path.line("a", points);
        points.forEach(([x, y]) => path.dot("dot-a", x, y, 1.8));
        path.dot("ink", 1, 0, 4);
        path.text("ink", 0, 0, "+", "middle");
        region.clear(`Stability region of ${rule}; the game and step size chosen lie ${rho < 1 ? "inside" : "outside"}.`);
        shade(rule, eta);
        region.path("axis", `M${region.x(0)} ${region.top}V${region.bottom}`);
        const [x, y] = [Math.min(3, eta * mu), Math.min(2.5, eta * sigma)];
        region.line("b", [[0, 0], [x, y]]);
        region.dot("dot-b", x, y, 5);
        const limit = largest === 0 ? "no step size converges" : largest === Infinity ? "every step size up to 10 converges" : `it converges below η = ${largest.toPrecision(4)}`;
        return `${rule} ${word}: spectral radius ${rho.toFixed(4)}. On this game ${limit}.`;
      },
    );
  });
})(globalThis);
