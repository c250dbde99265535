autocmd BufRead,BufNewFile *.opt setfiletype karush
