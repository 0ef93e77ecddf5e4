// x^2 + c x y + y^2, which x goes down and y up, each expecting a share of the other's rate: where the steps converge.
(function (root) {
  "use strict";

  // One step with rates p and q is linear: its matrix, of two rows.
  function matrix(c, alpha, p, q) {
    const d = 1 + alpha * c * c * p * q;
    const told = alpha * c;
    return [
      [1 - (p * (2 + told * q * c)) / d, (-p * (c + told * q * 2)) / d],
      [(q * (c - told * p * 2)) / d, 1 + (q * (2 - told * p * c)) / d],
    ];
  }

  // Jury: both eigenvalues are inside the unit circle exactly if this is positive.
  function margin(c, alpha, p, q) {
    const [[a, b], [e, f]] = matrix(c, alpha, p, q);
    const [trace, determinant] = [a + f, a * f - b * e];
    return Math.min(1 - determinant, 1 - trace + determinant, 1 + trace + determinant);
  }

  function radius(c, alpha, p, q) {
    const [[a, b], [e, f]] = matrix(c, alpha, p, q);
    const [half, determinant] = [(a + f) / 2, a * f - b * e];
    const inside = half * half - determinant;
    return inside < 0 ? Math.sqrt(determinant) : Math.abs(half) + Math.sqrt(inside);
  }

  function trajectory(c, alpha, p, q, start, steps) {
    const m = matrix(c, alpha, p, q);
    const points = [start];
    for (let k = 0; k < steps; k++) {
      const [x, y] = points[k];
      points.push([m[0][0] * x + m[0][1] * y, m[1][0] * x + m[1][1] * y]);
    }
    return points;
  }

  root.descentCompetitive = { matrix, margin, radius, trajectory };
  if (!root.document || !root.descentLive) return;

  const { Panel, register, assemble } = root.descentLive;
  const LARGEST = 0.4;
  const CELLS = 80;

  register("competitive", (stage) => {
    const path = new Panel("Sixty steps from (1, 1)", "", {
      x: [-2.4, 2.4], y: [-2.4, 2.4], xLabel: "x, which descends", yLabel: "y, which ascends", square: true,
      xTicks: [[-2, "−2"], [0, "0"], [2, "2"]], yTicks: [[-2, "−2"], [0, "0"], [2, "2"]],
    });
    const region = new Panel("Rates that converge", "", {
      x: [0, LARGEST], y: [0, LARGEST], xLabel: "rate of x, P", yLabel: "rate of y, Q", square: true,
      xTicks: [[0, "0"], [0.2, "0.2"], [0.4, "0.4"]], yTicks: [[0, "0"], [0.2, "0.2"], [0.4, "0.4"]],
    });

    function shade(c, alpha) {
      const size = LARGEST / CELLS;
      let d = "";
      for (let i = 0; i < CELLS; i++) {
        for (let j = 0; j < CELLS; j++) {
          if (margin(c, alpha, (i + 0.5) * size, (j + 0.5) * size) <= 0) continue;
          const [from, top] = [j, (j + 1) * size];
          while (j < CELLS && margin(c, alpha, (i + 0.5) * size, (j + 0.5) * size) > 0) j++;
          d += `M${region.x(i * size).toFixed(1)} ${region.y(from * size).toFixed(1)}H${region.x((i + 1) * size).toFixed(1)}V${region.y(Math.max(j * size, top)).toFixed(1)}H${region.x(i * size).toFixed(1)}Z`;
        }
      }
      if (d) region.path("region", d);
    }

    const number = (x) => x.toFixed(2);
    assemble(
      stage,
      {
        c: { label: "Interaction c", min: 0, max: 20, step: 0.5, start: 10, show: (x) => x.toFixed(1) },
        alpha: { label: "Awareness α", min: 0, max: 1.5, step: 0.05, start: 0, show: number },
        p: { label: "Rate of x, P", min: 0.005, max: LARGEST, step: 0.005, start: 0.09, show: (x) => x.toFixed(3) },
        q: { label: "Rate of y, Q", min: 0.005, max: LARGEST, step: 0.005, start: 0.01, show: (x) => x.toFixed(3) },
      },
      [path, region],
      ({ c, alpha, p, q }) => {
        const rho = radius(c, alpha, p, q);
        const word = rho < 1 - 1e-12 ? "converges" : "does not converge";
        path.clear(`Sixty steps from (1, 1): the game ${word}.`);
        path.line("a", trajectory(c, alpha, p, q, [1, 1], 60));
        path.dot("ink", 1, 1, 4);
        path.text("ink", 0, 0, "+", "middle");
        region.clear(`Rates at which awareness ${number(alpha)} converges; the chosen rates lie ${rho < 1 ? "inside" : "outside"}.`);
        shade(c, alpha);
        region.dot("dot-b", p, q, 5);
        const least = c > 2 ? ` For small equal rates it takes more awareness than ${number(0.5 - 2 / (c * c))}.` : " Up to c = 2 no awareness helps.";
        return `It ${word}: spectral radius ${rho.toFixed(4)}.${least}`;
      },
    );
  });
})(globalThis);
