-- Running parts of documents, with a policy, arguments and input: the command, the maps, and what comes of it.
local d = require('driving')
local check, sees, comes = d.check, d.sees, d.comes
d.use_plugin()

-- A selection of a real notebook, by keys: lines 18 to 20 print to both streams.
local notebook = d.open('jupytext--text_outputs_and_images.py')
vim.keymap.set('x', '<F2>', '<Plug>(belljar-run)')
local pressed = vim.uv.hrtime()
d.type('18GV20G<F2>')
check('run-selection', 'the selected lines run', comes(notebook, 'using print'), d.all_of(notebook))
local first_output = (vim.uv.hrtime() - pressed) / 1e6
check('run-selection', 'Visual mode is left', vim.fn.mode() == 'n', vim.fn.mode())
check('run-selection', 'all that was printed is shown', comes(notebook, 'using sys.stdout.write'), d.all_of(notebook))
local result = sees(notebook, 'using print') or { line = 0 }
check('run-selection', 'at the selection', result.line >= 18 and result.line <= 20, d.all_of(notebook))
d.are_over(notebook, 1)
check('run-selection', 'and how it ended', sees(notebook, '✓') ~= nil, d.all_of(notebook))
d.measured('a cold start of the server, key to first output', first_output)

-- Warm: the middle of nine, the server's share of it (from the request to the first output), and how long the whole run took
-- by the server's own clock.
local waits, shares, programs = {}, {}, {}
local asked, shown
vim.api.nvim_create_autocmd('LspRequest', {
  callback = function(event)
    local request = event.data.request
    if request.type == 'pending' and request.method == 'workspace/executeCommand' then
      asked = asked or vim.uv.hrtime()
    end
  end,
})
vim.api.nvim_create_autocmd('User', {
  pattern = 'BelljarEvent',
  callback = function(event)
    local told = event.data.event
    if told.kind == 'output' then shown = shown or vim.uv.hrtime() end
    if told.kind == 'ended' then table.insert(programs, told.wallMs) end
  end,
})
for _ = 1, 9 do
  d.clear(notebook)
  asked, shown = nil, nil
  pressed = vim.uv.hrtime()
  d.type('18GV19G<F2>')
  d.are_over(notebook, 1)
  if asked and shown then
    table.insert(waits, (shown - pressed) / 1e6)
    table.insert(shares, (shown - asked) / 1e6)
  end
end
local function middle(figures)
  table.sort(figures)
  return figures[math.ceil(#figures / 2)] or 0
end
check('live-output', 'the first output is drawn when it comes', #waits == 9, waits)
d.measured('key press to first inline output, middle of 9,', middle(waits))
d.measured("of that the server's share, from request to output,", middle(shares))
d.measured("a whole run by the server's clock, middle of 9,", middle(programs))

-- A line, with the import that it needs; a function; a cell.
local steps = d.open('steps.py')
d.cursor(19)
vim.cmd('Belljar run line')
check(
  'run-line',
  'the line under the cursor runs, and its import with it',
  comes(steps, 'root 4.0', 19),
  d.all_of(steps)
)
d.are_over(steps, 1)
check('run-line', 'and nothing else', not sees(steps, 'number'), d.all_of(steps))
d.cursor(11)
vim.cmd('Belljar run function')
check(
  'run-function',
  'the function around the cursor is called',
  comes(steps, 'hello from the function'),
  d.all_of(steps)
)
d.cursor(16)
vim.cmd('Belljar run function')
check(
  'run-function',
  'of one that needs arguments it is said',
  d.wait_for(function() return d.was_said('area') ~= nil or d.was_said('argument') ~= nil end),
  d.said
)
local real = d.open('even_odd.py')
d.cursor(9)
vim.cmd('Belljar run function')
check('run-function', 'a function of a real program', comes(real, 'Usage: please input a number'), d.all_of(real))
check('run-function', 'and its exit status', comes(real, 'status 1'), d.all_of(real))
vim.cmd.buffer(notebook)
d.cursor(27)
vim.cmd('Belljar run cell')
check('run-cell', 'the cell of a real notebook runs', comes(notebook, 'WARNING:root:Warning'), d.all_of(notebook))
local warning = sees(notebook, 'WARNING:root:Warning') or { line = 0, groups = {} }
check('run-cell', 'inside the cell', warning.line >= 24 and warning.line <= 29, warning)
check('run-cell', 'standard error is set off', vim.tbl_contains(warning.groups, 'BelljarStderr'), warning)
d.cursor(1)
vim.cmd('Belljar run function')
check(
  'run-function',
  'where there is none, it is said',
  d.wait_for(function() return d.was_said('function') ~= nil end),
  d.said
)

-- Blocks of Markdown, in the language of their fence; the block is what is meant if nothing is said.
local notes = d.open('notes.md')
for _, block in ipairs({ { 8, 'python 120' }, { 15, 'shell two' }, { 21, 'javascript' }, { 40, 'open end' } }) do
  d.cursor(block[1])
  vim.cmd('Belljar run')
  check(
    'run-block',
    ('the block at line %d runs: %s'):format(block[1], block[2]),
    comes(notes, block[2]),
    d.all_of(notes)
  )
end
d.cursor(27)
vim.cmd('Belljar run block')
check(
  'error-on-line',
  'an error in a block stands on its line of the document',
  d.wait_for(function()
    return vim.iter(d.diagnostics(notes, 'no_such_program')):any(function(it) return it.lnum == 27 end)
  end),
  d.all_of(notes)
)
d.cursor(3)
d.said = {}
vim.cmd('Belljar run block')
check(
  'run-block',
  'outside of a block it is said',
  d.wait_for(function() return d.was_said('block') ~= nil end),
  d.said
)
if vim.fn.executable('rustc') == 1 then
  local rust = d.open('rust-by-example--and_then.md')
  d.cursor(20)
  vim.cmd('Belljar run block')
  check('run-block', 'a real block of Rust is compiled and runs', comes(rust, 'eat'), d.all_of(rust))
else
  io.write('skipped: rustc is not on the search path, so no block of Rust is run\n')
end

-- A file, by the map; the values stand at the lines that printed them.
vim.cmd.buffer(steps)
d.clear(steps)
vim.keymap.set('n', '<F3>', '<Plug>(belljar-run-file)')
d.type('<F3>')
check('run-file', 'the whole file runs', comes(steps, 'area 12') and d.are_over(steps, 1), d.all_of(steps))
local function behind(line, text) return sees(steps, text, line, 'behind') ~= nil end
check(
  'output-on-line',
  'a value stands at the line that printed it',
  behind(19, 'root 4.0') and behind(22, 'area 12') and behind(7, 'done'),
  d.all_of(steps)
)
check(
  'output-on-line',
  'of a loop the last one, and how many',
  behind(6, 'number 5') and behind(6, '×5'),
  d.all_of(steps)
)
check('output-on-line', 'and nothing is shown twice', not sees(steps, 'number', nil, 'below'), d.all_of(steps))
d.cursor(6)
vim.cmd('Belljar values')
local all_values
d.wait_for(function()
  for _, window in ipairs(vim.api.nvim_list_wins()) do
    if vim.api.nvim_win_get_config(window).relative ~= '' then
      all_values = table.concat(vim.api.nvim_buf_get_lines(vim.api.nvim_win_get_buf(window), 0, -1, false), ' ')
    end
  end
  return all_values ~= nil
end)
check(
  'output-on-line',
  'all values on demand',
  (all_values or ''):find('number 1 number 2 number 3', 1, true) ~= nil,
  all_values
)
d.cursor(7)

-- An operator: three lines from here.
d.clear(steps)
vim.keymap.set('n', '<F4>', '<Plug>(belljar-run-motion)')
d.type('5G<F4>2j')
check('run-selection', 'the lines of a motion run', comes(steps, 'done') and d.are_over(steps, 1), d.all_of(steps))
check(
  'run-selection',
  'and no others',
  d.runs(steps)[1].first == 4 and d.runs(steps)[1].last == 6,
  function() return d.runs(steps)[1] end
)

-- Arguments and input.
local fibonacci = d.open('fibonacci.py')
vim.cmd('Belljar args 5')
vim.cmd('Belljar run file')
check('arguments', 'the program gets them', comes(fibonacci, '5: 5'), d.all_of(fibonacci))
local prompts = {}
vim.ui.input = function(options, answer)
  table.insert(prompts, options)
  answer('')
end
vim.cmd('Belljar args')
check('arguments', 'what it had is offered to be changed', (prompts[1] or {}).default == '5', prompts)
d.clear(fibonacci)
d.run(fibonacci, 'Belljar run file')
check('arguments', 'and an empty answer takes them away', not sees(fibonacci, '5: 5'), d.all_of(fibonacci))
local split = require('belljar.given').split_words
check(
  'arguments',
  'words are parted as in a shell',
  vim.deep_equal(split([[a 'b c' "d \" e" f\ g '']]), { 'a', 'b c', 'd " e', 'f g', '' }) and split([['open]]) == nil,
  split([[a 'b c' "d \" e" f\ g '']])
)
local ask = d.open('ask.py')
vim.ui.input = function(_, answer) answer([[ada\nx\ny]]) end
vim.cmd('Belljar input')
vim.cmd('Belljar run file')
check(
  'stdin',
  'the program reads what was typed',
  comes(ask, 'hello ada') and comes(ask, 'lines left: 2'),
  d.all_of(ask)
)
vim.fn.writefile({ 'grace', 'x' }, d.work .. '/names.txt')
vim.ui.input = function(_, answer) answer('@' .. d.work .. '/names.txt') end
vim.cmd('Belljar input')
vim.cmd('Belljar run file')
check('stdin', 'or what a file holds', comes(ask, 'hello grace') and comes(ask, 'lines left: 1'), d.all_of(ask))
check(
  'stdin',
  'which has to be text',
  (function()
    local file = assert(io.open(d.work .. '/picture.png', 'wb'))
    file:write('\137PNG\r\n')
    file:close()
    vim.ui.input = function(_, answer) answer('@' .. d.work .. '/picture.png') end
    vim.cmd('Belljar input')
    return d.was_said('holds no UTF-8 text') ~= nil
  end)(),
  d.said
)
d.said = {}
vim.cmd('Belljar status')
check('stdin', 'the status says that there is some', d.was_said('standard input: 8 bytes') ~= nil, d.said)
vim.cmd('1,2Belljar input')
vim.cmd('Belljar run file')
check('stdin', 'or lines of the buffer', comes(ask, 'hello """Greets'), d.all_of(ask))

-- Policies.
d.said = {}
d.will_choose('strict')
vim.cmd('Belljar policy')
check(
  'choose-policy',
  'the policies are offered with what they are for',
  d.wait_for(function() return #d.asked > 0 end) and #d.asked[#d.asked].items >= 3,
  d.asked
)
check('choose-policy', 'the choice is taken', d.wait_for(function() return d.was_said('`strict`') ~= nil end), d.said)
vim.cmd.buffer(steps)
d.run(steps, 'Belljar run file')
check(
  'choose-policy',
  'and the next run has it',
  d.runs(steps)[1].policy == 'strict',
  function() return d.runs(steps)[1] end
)
check('choose-policy', 'and shows it', sees(steps, 'strict') ~= nil, d.all_of(steps))
vim.cmd('Belljar run file default')
check(
  'choose-policy',
  'one run can have another',
  d.wait_for(function() return #d.runs(steps) > 0 and d.runs(steps)[1].policy == 'default' end),
  d.all_of(steps)
)
check(
  'choose-policy',
  'names are completed',
  vim.tbl_contains(vim.fn.getcompletion('Belljar policy st', 'cmdline'), 'strict')
    and vim.tbl_contains(vim.fn.getcompletion('Belljar run fi', 'cmdline'), 'file')
    and vim.tbl_contains(vim.fn.getcompletion('Belljar ', 'cmdline'), 'clear!'),
  vim.fn.getcompletion('Belljar policy ', 'cmdline')
)
d.finish()
