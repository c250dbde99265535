"""E05: curvature. E06: the form of the problem. E07, R08: derivatives. R07: solving."""

from __future__ import annotations

from karush.dsl.code import Code

CURVATURE = (
    Code(
        "W0501",
        "the problem is not convex, as written",
        "The rules that follow curvature could not show convexity, so a local solver runs: its answer "
        "depends on the starting point and may not be the least value.",
        "Rewrite the term that the message quotes, or give a good start: `var x = …`.",
        "param c\nvar x in box(-1, 1)\nmaximize x^2 + c * x\n",
        "param c\nvar x in box(-1, 1)\nmaximize -x^2 + c * x\n",
    ),
    Code(
        "E0503",
        "a requirement is not met",
        "`--require convex,smooth,conservative` asks for properties that must be shown before anything runs.",
        "Rewrite what the message quotes, or drop the requirement.",
        "param p\nvar x\nminimize x^2 + abs(x - p)\n",
        "param p\nvar x\nminimize x^2 + (x - p)^2\n",
        command="check --require smooth",
    ),
    Code(
        "E0504",
        "not a geometric program",
        "`curvature = loglog` asks for a program that is convex in the logarithms of its unknowns: these are positive, "
        "sums of products of powers (posynomials) are minimized and bounded from above by products of powers "
        "(monomials), and equations hold between products.",
        "Declare unknowns and params `in pos`, move what is subtracted to the other side, or leave the option out.",
        "param a in pos\nvar x\nminimize x + a / x\nusing ipm(curvature = loglog)\n",
        "param a in pos\nvar x in pos\nminimize a * x\nsubject to\n  x^2 >= a\nusing ipm(curvature = loglog)\n",
    ),
)

FORM = (
    Code(
        "E0601",
        "a problem without unknowns",
        "`minimize`, `subject to` and `find` need vars: without them there is nothing to choose.",
        "Declare a `var`; or drop the objective, and the lets of the file are its outputs.",
        "param a\nminimize a^2\n",
        "param a\nvar x\nminimize (x - a)^2\n",
    ),
    Code(
        "E0602",
        "vars without an objective",
        "A file with vars says what to do with them: `minimize`, `maximize` or `find`. A file without "
        "vars is a function, and its lets are its outputs.",
        "Add an objective; `minimize 0` asks for any point that satisfies the constraints.",
        "var x\nlet y = x^2\n",
        "var x\nlet y = x^2\nminimize y\n",
    ),
    Code(
        "E0603",
        "`find` needs as many equations as unknowns",
        "A root, a fixed point or an equilibrium is determined, and has a derivative, when there is one"
        " equation or `perp` for each unknown. Inequalities beside them are checked only.",
        "Drop what the message names as unmatched, add an equation, or minimize a residual.",
        "var x, y\nfind x, y\nsubject to\n  x == 1\n",
        "var x, y\nfind x, y\nsubject to\n  x == 1\n  y == 2\n",
    ),
    Code(
        "E0604",
        "not a complementarity",
        "`a perp b` joins two inequalities of which at least one is tight: `0 <= q perp F(q) >= 0`.",
        "Write an inequality on both sides.",
        "var q\nfind q\nsubject to\n  q perp q - 1\n",
        "var q\nfind q\nsubject to\n  0 <= q perp q - 1 >= 0\n",
    ),
    Code(
        "E0605",
        "unknown solver",
        "`using` and `--solver` take the name of a family of algorithms; the message lists them.",
        "Take a name of the list, or leave `using` out: the solver is then chosen by the class of the problem.",
        "var x\nminimize x^2\nusing magic\n",
        "var x\nminimize x^2\nusing ipm\n",
    ),
    Code(
        "E0606",
        "this solver does not fit the problem",
        "Each solver takes some classes of problems: `sinkhorn` entropic transport, `newton` equations, and so on.",
        "Take one of those that the message lists for this class, or leave `using` out.",
        "var x\nminimize x^2\nusing sinkhorn\n",
        "var x\nminimize x^2\nusing ipm\n",
    ),
    Code(
        "E0607",
        "unknown option",
        "Every solver and every derivative method has a fixed list of options, each with a type.",
        "Take an option of the list in the message.",
        "var x\nminimize x^2\nusing ipm(speed = 3)\n",
        "var x\nminimize x^2\nusing ipm(tol = 1e-8)\n",
    ),
    Code(
        "E0608",
        "a saddle point names its unknowns once each",
        "`minimize f over x maximize over y` says for every var on which side it is chosen.",
        "Name each var on exactly one side.",
        "var x, y\nminimize x^2 - y^2 over x maximize over x\n",
        "var x, y\nminimize x^2 - y^2 over x maximize over y\n",
    ),
    Code(
        "E0609",
        "no such dual",
        "`dual(label)` is the multiplier of a labelled constraint or of the set of a var. `perp` rows, and "
        "constraints without a label, have none.",
        "Label the constraint: `name: a <= b`.",
        "var x\nminimize x^2\nsubject to\n  low: x >= 1\nlet p = dual(high)\n",
        "var x\nminimize x^2\nsubject to\n  low: x >= 1\nlet p = dual(low)\n",
    ),
    Code(
        "W0610",
        "a constraint without unknowns",
        "Nothing in this constraint depends on a var, so it cannot be influenced: it holds, or the "
        "problem is infeasible.",
        "Check the names; a condition on a param is better said by its set: `param a in nonneg`.",
        "param a\nvar x\nminimize x^2\nsubject to\n  a >= 0\n",
        "param a in nonneg\nvar x\nminimize x^2\nsubject to\n  x >= a\n",
    ),
    Code(
        "W0611",
        "an open set on an unknown",
        "`pos`, `neg` and `pd` leave out their boundary, but a minimum may lie right on it. On an unknown they are "
        "taken with it, as `nonneg`, `nonpos` and `psd`; on a param they are checked as they stand.",
        "Write the closed set, or keep a distance by a constraint: `x >= 0.01`.",
        "var x in pos\nminimize x^2\n",
        "var x in nonneg\nminimize x^2\n",
    ),
    Code(
        "W0612",
        "a method that is still to come",
        "The solver or the derivative method is known, and fits, but is not there yet. The solver that karush chooses "
        "by itself, and the implicit derivative, answer the same question.",
        "Leave the line out, or take a method that is there.",
        "var x in nonneg\nminimize x^2\nusing mirror_descent\n",
        "var x in nonneg\nminimize x^2\n",
    ),
)

DERIVATIVES = (
    Code(
        "E0702",
        "unknown derivative method",
        "`derivative` takes `implicit`, `unroll`, `one_step`, `piggyback`, or `rule(atom = number)`.",
        "Take one of these, or leave the line out: `implicit` is the default.",
        "var x\nminimize x^2\nderivative magic\n",
        "var x\nminimize x^2\nderivative implicit\n",
    ),
    Code(
        "E0704",
        "no derivative in an integer",
        "A param that is an integer, an index or a truth value does not move by small steps, so nothing"
        " has a derivative in it.",
        "Leave it out of `--wrt`, or declare it as a real number.",
        "param a, k in int\nlet y = k * a\n",
        "param a, k\nlet y = k * a\n",
        data='{"a": 1, "k": 2}',
        mended_data='{"a": 1, "k": 2}',
        command="grad -d data.json --of y --wrt k",
    ),
    Code(
        "W0705",
        "a choice that is not known to be continuous",
        "The condition of this `if` (or of a filter) depends on an unknown or a real param, and its branches differ "
        "where it switches, or could not be proved to agree there. The derivative is that of the branch that was "
        "taken: it says nothing of a jump. Branches that agree for every value of the names in them are accepted: "
        "where `g <= 0` switches, the difference of the branches has to be a multiple of g.",
        "Branches that agree, or a form that is continuous by itself. `karush grad --check` compares them on data.",
        "param a\nlet y = if a > 0 then a else 2\n",
        "param a\nlet y = if a > 0 then a else 2 * a\n",
    ),
    Code(
        "E0706",
        "a derivative that flows through a jump",
        "`floor`, `ceil`, `round`, `sign` and a choice whose branches differ have no derivative at their jumps, and "
        "one between them that says nothing of how the value moves. On data they are fine.",
        "Use a continuous form (`clip`, `sigmoid`, `tanh`), or differentiate in other params.",
        "param a\nlet y = grad(round(a) * a, a)\n",
        "param a\nlet y = grad(clip(a, 0, 1) * a, a)\n",
    ),
    Code(
        "W0706",
        "a jump has no derivative",
        "`floor`, `ceil`, `round` and `sign` of an unknown or of a real param are constant between their jumps: the "
        "derivative is 0 there, and says nothing of how the value moves.",
        "Use a continuous form (`clip`, `sigmoid`, `tanh`) where a derivative is wanted.",
        "param a\nlet y = round(a)\n",
        "param a\nlet y = clip(a, 0, 1)\n",
    ),
)

RUN_TIME = (
    Code(
        "R0701",
        "infeasible",
        "No point satisfies all constraints. The certificate is a combination of rows that contradict "
        "each other, and it has been checked.",
        "Relax one of the rows in the conflict: `karush explain FILE -d DATA --infeasible` says which, and the "
        "least amount.",
        "param need\nvar x in box(0, 1)\nminimize x\nsubject to\n  enough: x >= need\n",
        "param need\nvar x in box(0, 1)\nminimize x\nsubject to\n  enough: x >= need\n",
        data='{"need": 2}',
        mended_data='{"need": 0.5}',
        command="run -d data.json",
    ),
    Code(
        "R0702",
        "unbounded",
        "The objective can be improved without end along the direction in the certificate, which has been checked.",
        "A bound or a constraint is missing, or the sense of the objective is turned round.",
        "param c\nvar x\nminimize c * x\n",
        "param c\nvar x in nonneg\nminimize c * x\n",
        data='{"c": 1}',
        mended_data='{"c": 1}',
        command="run -d data.json",
    ),
    Code(
        "R0703",
        "stopped at a limit",
        "The solver reached its number of iterations or its time before the residuals were small "
        "enough. The values are the best it had.",
        "Scale the data to similar sizes, raise `--set max_iter=…`, or loosen `--set tol=…`.",
        "dim n\nparam c[n]\nvar x[n] in box(0, 1)\nminimize sumsq(x - c)\nsubject to\n  sum(x) == 1\n",
        "dim n\nparam c[n]\nvar x[n] in box(0, 1)\nminimize sumsq(x - c)\nsubject to\n  sum(x) == 1\n",
        data='{"c": [0.2, 0.9, 2]}',
        mended_data='{"c": [0.2, 0.9, 2]}',
        command="run -d data.json --set max_iter=1",
        mended_command="run -d data.json",
    ),
    Code(
        "R0704",
        "the solver failed",
        "The iterates were no longer numbers, or no step could be taken. No values are returned.",
        "Look for extreme values in the data; try another solver.",
    ),
    Code(
        "R0705",
        "an inner problem has no solution",
        "A model is called within this one, and with these arguments it has no solution: nothing that uses its "
        "fields has a value. The place says for which values of the binders around the call.",
        "Look at the inner model alone, with its data in a file of its own: there the rows that conflict are named.",
        "param a\nmodel inner(l) {\n  var x\n  minimize x^2\n  subject to\n    cap: l <= x <= 1\n}\n"
        "let y = inner(l = a).x\n",
        "param a\nmodel inner(l) {\n  var x\n  minimize x^2\n  subject to\n    cap: l <= x\n}\n"
        "let y = inner(l = a).x\n",
        data='{"a": 2}',
        mended_data='{"a": 2}',
        command="run -d data.json",
    ),
    Code(
        "R0801",
        "the derivative is undefined here",
        "The solution is not determined by its conditions at this point, as on a solution set that is "
        "an edge or a face; moving the params moves it in more than one way, or not at all.",
        "Ask for the objective, whose derivative exists; or add a small strongly convex term.",
        "param c\nvar x[2] in nonneg\nminimize c * sum(x)\nsubject to\n  cover: sum(x) >= 1\n",
        "param c\nvar x[2] in nonneg\nminimize c * sum(x) + sumsq(x)\nsubject to\n  cover: sum(x) >= 1\n",
        data='{"c": 1}',
        mended_data='{"c": 1}',
        command="grad -d data.json --of x",
    ),
    Code(
        "R0802",
        "there is no unique derivative here",
        "Some constraints are weakly active: tight, but with a dual of zero. On one side of this point "
        "they hold, on the other they do not, and the derivatives differ. Or an operation with a kink "
        "stands at it: relu at 0, two greatest entries. One element of the conservative derivative was "
        "returned.",
        "One-sided values: `karush grad --side left` or `right`. Other elements: `--tie`, `--mode clarke`.",
        "param p\nvar x in nonneg\nminimize (x - p)^2 / 2\n",
        "param p\nvar x in nonneg\nminimize (x - p)^2 / 2\n",
        data='{"p": 0}',
        mended_data='{"p": 0.5}',
        command="grad -d data.json --of x",
    ),
    Code(
        "R0803",
        "the derivative is inaccurate",
        "The linear system behind the derivative is close to singular, so the error bound printed with "
        "the value is large.",
        "Scale the problem, or add a small strongly convex term.",
    ),
    Code(
        "R0804",
        "a choice jumps near the data",
        "`karush grad --check` moved the params along fixed directions until the condition of this choice changed, and "
        "found branches that differ there. The derivative is that of the branch that was taken.",
        "Branches that agree where the choice switches, or a continuous form (`clip`, `max`, `min`, `sigmoid`).",
    ),
)
