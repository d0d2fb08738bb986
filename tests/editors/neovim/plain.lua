-- Without the plugin: whoever only copies lsp/belljar.lua has results as diagnostics, hints, hover and code actions of
-- Neovim's own client.
local d = require('driving')
local check, wait_for, diagnostics = d.check, d.wait_for, d.diagnostics

vim.cmd('filetype plugin on')
local configuration = vim.fn.stdpath('config') .. '/lsp'
vim.fn.mkdir(configuration, 'p')
assert(vim.uv.fs_copyfile(d.editors .. '/neovim/lsp/belljar.lua', configuration .. '/belljar.lua'))
vim.opt.runtimepath:prepend(vim.fn.stdpath('config'))
vim.lsp.enable('belljar')

-- What the server says it does, as the client hears it.
local progress = {}
vim.api.nvim_create_autocmd('LspProgress', {
  callback = function(event) table.insert(progress, event.data.params) end,
})
local function has_progress(kind)
  for _, params in ipairs(progress) do
    if params.value.kind == kind then return params end
  end
end

local function open(name)
  local buffer, client = d.open(name)
  vim.lsp.inlay_hint.enable(true, { bufnr = buffer })
  return buffer, client
end

local function label(hint)
  local text = hint.inlay_hint.label
  if type(text) == 'table' then text = table.concat(vim.tbl_map(function(part) return part.value end, text)) end
  return text
end

local function hints(buffer, pattern)
  return vim.tbl_filter(
    function(hint) return label(hint):find(pattern, 1, true) ~= nil end,
    vim.lsp.inlay_hint.get({ bufnr = buffer })
  )
end

-- Whether Neovim draws `pattern` beside the text of the buffer.
local function is_drawn(buffer, pattern)
  vim.cmd('redraw!')
  for _, namespace in pairs(vim.api.nvim_get_namespaces()) do
    for _, mark in ipairs(vim.api.nvim_buf_get_extmarks(buffer, namespace, 0, -1, { details = true })) do
      for _, chunk in ipairs(mark[4].virt_text or {}) do
        if chunk[1]:find(pattern, 1, true) then return true end
      end
    end
  end
  return false
end

-- The actions on offer for lines first..last (from 1), as the menu would list them.
local function offered(buffer, client, first, last)
  local text = vim.api.nvim_buf_get_lines(buffer, last - 1, last, false)[1] or ''
  local params = vim.lsp.util.make_given_range_params({ first, 0 }, { last, #text }, buffer, client.offset_encoding)
  params.context = { diagnostics = {} }
  local answer = client:request_sync('textDocument/codeAction', params, 30000, buffer)
  return answer and answer.result or {}
end

-- Selects lines in Visual mode and picks the action with that title.
local function pick(first, last, title)
  vim.cmd(('normal! %dGV%dG'):format(first, last))
  vim.lsp.buf.code_action({ filter = function(action) return action.title == title end, apply = true })
  vim.cmd('normal! \27')
end

local function all_of(buffer)
  return function()
    return { d.all_of(buffer)(), hints = vim.tbl_map(label, vim.lsp.inlay_hint.get({ bufnr = buffer })) }
  end
end

local notebook, client = open('jupytext--text_outputs_and_images.py')
check('run-selection', 'without the plugin the server attaches with its one file', client ~= nil, vim.lsp.get_clients())
if not client then d.finish() end
local actions = offered(notebook, client, 18, 20)
local titles = vim.tbl_map(function(action) return action.title end, actions)
check('run-selection', 'a selection is offered to be run', vim.tbl_contains(titles, 'Run selection in sandbox'), titles)
check('run-file', 'a file is offered to be run', vim.tbl_contains(titles, 'Run file in sandbox'), titles)
check('run-cell', 'a cell is offered to be run', vim.tbl_contains(titles, 'Run cell in sandbox'), titles)
for _, action in ipairs(actions) do
  if action.title == 'Run selection in sandbox' then
    check(
      'run-selection',
      'the action has a kind of its own',
      vim.startswith(action.kind or '', 'belljar.run'),
      action.kind
    )
    check('run-selection', 'it need not be resolved', action.command ~= nil, action)
  end
end
pick(18, 20, 'Run selection in sandbox')
check(
  'run-selection',
  'the output arrives as a diagnostic',
  wait_for(function() return #diagnostics(notebook, 'using print') > 0 end),
  all_of(notebook)
)
local result = diagnostics(notebook, 'using print')[1] or {}
check(
  'run-selection',
  'it stands on a line of the selection',
  (result.lnum or -1) >= 17 and (result.lnum or -1) <= 19,
  result
)
local second = diagnostics(notebook, 'using sys.stdout.write')[1] or {}
check('output-on-line', 'each on the line that printed it', result.lnum == 18 and second.lnum == 19, all_of(notebook))
check('run-selection', 'it is no warning', (result.severity or 0) >= vim.diagnostic.severity.INFO, result)
check(
  'run-selection',
  'the output arrives as an inlay hint',
  wait_for(function() return #hints(notebook, 'using print') > 0 end),
  all_of(notebook)
)
check(
  'run-selection',
  'the inlay hint is drawn behind the line',
  wait_for(function() return is_drawn(notebook, 'using print') end)
)
check(
  'live-output',
  'progress was begun and ended',
  wait_for(function() return has_progress('begin') and has_progress('end') end),
  progress
)

vim.api.nvim_win_set_cursor(0, { (result.lnum or 17) + 1, 0 })
vim.lsp.buf.hover()
local hover
wait_for(function()
  for _, window in ipairs(vim.api.nvim_list_wins()) do
    if vim.api.nvim_win_get_config(window).relative ~= '' then
      hover = table.concat(vim.api.nvim_buf_get_lines(vim.api.nvim_win_get_buf(window), 0, -1, false), '\n')
      return true
    end
  end
end)
check(
  'full-output',
  'hovering shows the output',
  hover ~= nil and hover:find('using print', 1, true) ~= nil,
  hover or 'no hover window'
)
vim.cmd('normal! j') -- closes the window

-- Cancel, the way the protocol has it: by the progress token; and by the command, without arguments.
local spin, spinning = open('spin.py')
progress = {}
pick(1, vim.api.nvim_buf_line_count(spin), 'Run file in sandbox')
check(
  'stop',
  'a loop shows progress that can be cancelled',
  wait_for(function()
    local begin = has_progress('begin')
    return begin and begin.value.cancellable == true
  end),
  progress
)
spinning:notify('window/workDoneProgress/cancel', { token = (has_progress('begin') or {}).token })
check(
  'stop',
  'cancelling the progress ends the run',
  wait_for(function() return has_progress('end') ~= nil end),
  progress
)
check(
  'stop',
  'and the buffer says so',
  wait_for(function() return #diagnostics(spin, 'Stopped by you') > 0 end),
  all_of(spin)
)
progress = {}
pick(1, vim.api.nvim_buf_line_count(spin), 'Run file in sandbox')
wait_for(function() return has_progress('begin') ~= nil end)
spinning:exec_cmd({ title = 'cancel', command = 'belljar.cancel' }, { bufnr = spin })
check('stop', 'the cancel command ends the run', wait_for(function() return has_progress('end') ~= nil end), progress)
spinning:exec_cmd({ title = 'clear', command = 'belljar.clear' }, { bufnr = spin })
check(
  'clear',
  'the clear command empties the buffer',
  wait_for(function() return #vim.diagnostic.get(spin) == 0 and #vim.lsp.inlay_hint.get({ bufnr = spin }) == 0 end),
  all_of(spin)
)

-- The lenses of a document with cells.
local steps = open('steps.py')
local function lenses() -- a list of lenses in 0.11, of pairs since 0.12
  local found = vim.fn.has('nvim-0.12') == 1 and vim.lsp.codelens.get({ bufnr = steps }) or vim.lsp.codelens.get(steps)
  return vim.tbl_map(function(lens) return lens.lens or lens end, found)
end
if vim.lsp.codelens.enable then
  vim.lsp.codelens.enable(true, { bufnr = steps })
else
  vim.lsp.codelens.refresh({ bufnr = steps })
end
local function cell_lens()
  return vim
    .iter(lenses())
    :find(function(lens) return lens.command.title == '▶ Run cell' and lens.range.start.line == 17 end)
end
check('run-cell', 'a cell has a lens', wait_for(function() return cell_lens() ~= nil end), lenses)
d.cursor(18)
d.will_choose('▶ Run cell')
vim.lsp.codelens.run()
check('run-cell', 'which runs it', wait_for(function() return #diagnostics(steps, 'root 4.0') > 0 end), all_of(steps))

-- Two runs of one buffer, and an edit above a result.
vim.cmd.buffer(notebook)
vim.api.nvim_buf_set_lines(notebook, 0, 0, false, { '# a new first line' })
pick(19, 20, 'Run selection in sandbox')
pick(25, 29, 'Run selection in sandbox')
check(
  'two-runs',
  'two runs of one buffer both show their results',
  wait_for(function() return #diagnostics(notebook, 'using print') > 0 and #diagnostics(notebook, 'Warning') > 0 end),
  all_of(notebook)
)
d.finish()
