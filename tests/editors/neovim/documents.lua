-- Parts of documents that need earlier ones, and what documents say of their own run.
local d = require('driving')
local check, sees, comes, wait_for, diagnostics = d.check, d.sees, d.comes, d.wait_for, d.diagnostics
d.use_plugin()

-- A cell that uses a function of an earlier one; a block of Markdown, after those in its language.
local steps = d.open('steps.py')
d.cursor(22)
vim.cmd('Belljar run cell')
check(
  'run-up-to',
  'a cell by itself lacks what an earlier one made',
  d.is_told_on(22, steps, "name 'area' is not defined"),
  d.all_of(steps)
)
d.are_over(steps, 1)
vim.keymap.set('n', '<F6>', '<Plug>(belljar-run-up-to)')
d.type('22G<F6>')
check('run-up-to', 'a map runs the earlier ones first', comes(steps, 'area 12', 22), d.all_of(steps))
check('run-up-to', 'which print on their own lines', comes(steps, 'number 5', 6), d.all_of(steps))
local notes = d.open('notes.md')
d.cursor(40)
vim.cmd('Belljar run upTo')
check('run-up-to', 'the command runs a block of Markdown', comes(notes, 'open end', 40), d.all_of(notes))
check('run-up-to', 'after the earlier ones', comes(notes, 'python 120', 8), d.all_of(notes))
d.are_over(notes, 1)
check('run-up-to', 'and none of another language', not sees(notes, 'shell'), d.all_of(notes))
d.said = {}
d.cursor(8)
vim.cmd('Belljar run upTo')
check(
  'run-up-to',
  'of the first one it is said that there is none before it',
  wait_for(function() return d.was_said('earlier one in its language') ~= nil end),
  d.said
)

-- Arguments, input and expectations in comments.
local says = d.open('says.py')
d.run(says, 'Belljar run file')
check(
  'directives',
  'the program gets the arguments and the input of its comments',
  comes(says, 'sum 7 km', 10),
  d.all_of(says)
)
local function unmet() return diagnostics(says, 'Expected', 'expectation') end
check(
  'expectations',
  'a comment that does not hold is a diagnostic',
  wait_for(function() return #unmet() == 1 end),
  d.all_of(says)
)
local found = unmet()[1] or { message = '' }
check(
  'expectations',
  'on its line, with what was printed',
  found.lnum == 10 and found.message == 'Expected `double 9`, got `double 8`.',
  found
)
d.cursor(11)
vim.lsp.buf.code_action({ filter = function(action) return action.title == 'Update expectation' end, apply = true })
local function line(n) return vim.api.nvim_buf_get_lines(says, n - 1, n, false)[1] end
check(
  'expectations',
  'a quick fix writes what was printed',
  wait_for(function() return vim.endswith(line(11), '# => double 8') end),
  function() return { line(11), d.all_of(says)() } end
)
check(
  'expectations',
  'in the buffer and not in the file',
  vim.endswith(vim.fn.readfile(d.work .. '/says.py')[11], 'double 9')
)
d.run(says, 'Belljar run file')
check(
  'expectations',
  'and the next run finds nothing to mark',
  comes(says, '2 expectations met') and wait_for(function() return #unmet() == 0 end),
  d.all_of(says)
)
vim.api.nvim_buf_set_lines(says, 1, 2, false, { '# belljar: argz --unit km' })
d.run(says, 'Belljar run file')
check(
  'directives',
  'a word that is not known is an error on its line',
  d.is_told_on(2, says, '`argz` is nothing that a document can say'),
  d.all_of(says)
)
check('directives', 'and nothing runs', not sees(says, 'sum 7 km'), d.all_of(says))
d.finish()
