" Two blanks within `{ }` and after `subject to`; a line within brackets stays where it was put.
if exists("b:did_indent")
  finish
endif
let b:did_indent = 1

setlocal indentexpr=KarushIndent()
setlocal indentkeys=!^F,o,O,0}
let b:undo_indent = "setlocal indentexpr< indentkeys<"

if exists("*KarushIndent")
  finish
endif

function! s:Code(line)
  return substitute(getline(a:line), '\s*#.*$', '', '')
endfunction

function! KarushIndent()
  let before = prevnonblank(v:lnum - 1)
  if before == 0
    return 0
  endif
  let wanted = indent(before)
  if s:Code(before) =~# '\({\|\<subject\s\+to\)\s*$'
    let wanted += shiftwidth()
  endif
  if getline(v:lnum) =~# '^\s*}'
    let open = searchpair('{', '', '}', 'bnW', 'getline(".")[: col(".") - 1] =~# "#"')
    return open > 0 ? indent(open) : max([0, wanted - shiftwidth()])
  endif
  return wanted
endfunction
