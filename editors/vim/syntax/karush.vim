" Written by editors/generate.py from the words of the language: edit that, not this.
if exists("b:current_syntax")
  finish
endif

syntax match karushOperator /==\|!=\|<=\|>=\|\*\*\|[-+*\/@^<>=]/
syntax match karushNumber /\<\d\+\(\.\d\+\)\?\([eE][+-]\?\d\+\)\?\>/
syntax match karushString /"[^"]*"/
syntax match karushLabel /^\s*\K\k*\ze\s*:/
syntax match karushLabel /\(\<\(minimize\|maximize\)\s\+\)\@<=\K\k*\ze\s*:/
syntax match karushField /\.\zs\K\k*/
syntax match karushFunction /\<\(abs\|absolute\|acos\|argmin\|asin\|atan\|atan2\|bernoulli_nll\|ceil\|cholesky\|clip\|concat\|cos\|cosh\|cross_entropy\|cummax\|cummin\|cumsum\|det\|diag\|diff\|dual\|elu\|entropy\|exp\|expm1\|eye\|fixpoint\|floor\|gelu\|geo_mean\|grad\|hard_sigmoid\|hard_swish\|hard_tanh\|hessian\|hinge\|huber\|hypot\|inv\|inv_pos\|jacobian\|jvp\|kl_div\|kron\|lambda_max\|lambda_min\|leaky_relu\|log\|log1p\|logdet\|logistic\|logsumexp\|matrix_frac\|max\|maximum\|mean\|median\|min\|minimum\|neg_part\|norm\|norm1\|norm2\|norm_fro\|norm_nuc\|normal_nll\|norminf\|ones\|poisson_nll\|pos_part\|prod\|quad\|quad_over_lin\|quantile\|range\|rel_entr\|relu\|relu6\|reshape\|root\|round\|selu\|sigma_max\|sigmoid\|sign\|silu\|sin\|sinh\|softmax\|softplus\|solve\|sort\|sqrt\|square\|squared\|stack\|sum\|sum_largest\|sum_smallest\|sumsq\|tan\|tanh\|trace\|tv\|vec\|vjp\|xlogx\|zeros\)\>\ze\s*(/
syntax match karushClause /^\s*\zsaffine\ze\s\s*in\s/
syntax match karushClause /^\s*\zsconcave\ze\s\s*in\s/
syntax match karushClause /^\s*\zsconvex\ze\s\s*in\s/
syntax match karushClause /^\s*\zsgraph\ze\s*[{]/
syntax match karushClause /^\s*\zsnondecreasing\ze\s\s*in\s/
syntax match karushClause /^\s*\zsnonincreasing\ze\s\s*in\s/
syntax match karushClause /^\s*\zsprox\ze\s*[(]\w\w*[)]\s*=[^=]/
syntax match karushClause /^\s*\zsrange\ze\s\s*\w/
syntax match karushClause /^\s*\zsrule\ze\s\s*\w\w*\s*=[^=]/
syntax match karushClause /^\s*\zsvalue\ze\s*=[^=]/
syntax match karushStatement /\<subject\s\+to\>/
syntax match karushComment /#.*$/ contains=@Spell
syntax match karushDocumentation /##.*$/ contains=@Spell

syntax keyword karushStatement atom derivative dim find fn import let maximize minimize model param return set using var
syntax keyword karushWord and else for if in not or perp then
syntax keyword karushConstant false true
syntax keyword karushSet ball bool box exp_cone free index int l1_ball linf_ball neg nonneg nonpos pd pos pow_cone psd simplex soc sym

highlight default link karushStatement Statement
highlight default link karushWord Keyword
highlight default link karushConstant Boolean
highlight default link karushClause PreProc
highlight default link karushFunction Function
highlight default link karushSet Type
highlight default link karushLabel Label
highlight default link karushField Identifier
highlight default link karushNumber Number
highlight default link karushString String
highlight default link karushOperator Operator
highlight default link karushComment Comment
highlight default link karushDocumentation SpecialComment

let b:current_syntax = "karush"
