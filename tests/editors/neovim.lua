-- Drives a real Neovim with its own language client and the configuration in editors/neovim, as a person would: opens real
-- files, selects, picks the action, and reads what stands in the buffer. tests/editors.rs starts it:
--   nvim --headless -l neovim.lua
-- BELLJAR_EDITORS is the folder `editors`, BELLJAR_WORK holds copies of the files. Prints `ok - NAME` or `not ok - NAME`
-- for each check, then `N passed, N failed`; exits 1 on a failure.
local work = assert(vim.env.BELLJAR_WORK, 'BELLJAR_WORK')
local patience = tonumber(vim.env.BELLJAR_PATIENCE_MS or '30000')
local passed, failed = 0, 0

local function check(name, ok, seen)
  if ok then passed = passed + 1 else failed = failed + 1 end
  io.write(('%s - %s\n'):format(ok and 'ok' or 'not ok', name))
  if not ok and seen ~= nil then io.write('    seen: ' .. vim.inspect(seen) .. '\n') end
end

local function wait_for(condition) return vim.wait(patience, condition, 20) end

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

vim.cmd('filetype on') -- `-l` starts like `-u NONE`
vim.opt.runtimepath:prepend(assert(vim.env.BELLJAR_EDITORS) .. '/neovim')
vim.lsp.enable('belljar')

-- Opens a file and waits until the server has it.
local function open(name)
  vim.cmd.edit(vim.fn.fnameescape(work .. '/' .. name))
  local buffer = vim.api.nvim_get_current_buf()
  local client
  wait_for(function()
    client = vim.lsp.get_clients({ bufnr = buffer, name = 'belljar' })[1]
    return client ~= nil and client.initialized
  end)
  vim.lsp.inlay_hint.enable(true, { bufnr = buffer })
  return buffer, client
end

local function diagnostics(buffer, pattern)
  return vim.tbl_filter(function(d)
    return d.source == 'belljar' and d.message:find(pattern, 1, true) ~= nil
  end, vim.diagnostic.get(buffer))
end

local function label(hint)
  local text = hint.inlay_hint.label
  if type(text) == 'table' then
    text = table.concat(vim.tbl_map(function(part) return part.value end, text))
  end
  return text
end

local function hints(buffer, pattern)
  return vim.tbl_filter(function(hint)
    return label(hint):find(pattern, 1, true) ~= nil
  end, vim.lsp.inlay_hint.get({ bufnr = buffer }))
end

-- What is drawn in the buffer beside its text.
local function drawn(buffer, pattern)
  vim.cmd('redraw!')
  for _, namespace in pairs(vim.api.nvim_get_namespaces()) do
    for _, mark in ipairs(vim.api.nvim_buf_get_extmarks(buffer, namespace, 0, -1, { details = true })) do
      local text = ''
      for _, chunk in ipairs(mark[4].virt_text or {}) do text = text .. chunk[1] end
      for _, line in ipairs(mark[4].virt_lines or {}) do
        for _, chunk in ipairs(line) do text = text .. chunk[1] end
      end
      if text:find(pattern, 1, true) then return true end
    end
  end
  return false
end

-- The titles on offer for lines first..last (from 1), as the menu would list them.
local function offered(buffer, client, first, last)
  local text = vim.api.nvim_buf_get_lines(buffer, last - 1, last, false)[1] or ''
  local params = vim.lsp.util.make_given_range_params({ first, 0 }, { last, #text }, buffer, client.offset_encoding)
  params.context = { diagnostics = {} }
  local answer = client:request_sync('textDocument/codeAction', params, patience, buffer)
  return answer and answer.result or {}
end

-- Selects lines in Visual mode and picks the action with that title.
local function pick(first, last, title)
  vim.cmd(('normal! %dGV%dG'):format(first, last))
  vim.lsp.buf.code_action({ filter = function(action) return action.title == title end, apply = true })
  vim.cmd('normal! \27')
end

local function all_of(buffer)
  return {
    diagnostics = vim.tbl_map(function(d) return { d.lnum + 1, d.severity, d.message } end, vim.diagnostic.get(buffer)),
    hints = vim.tbl_map(label, vim.lsp.inlay_hint.get({ bufnr = buffer })),
  }
end

-- A selection of a real notebook, as jupytext writes it: lines 18 to 20 print to both streams.
local notebook, client = open('jupytext--text_outputs_and_images.py')
check('the server attaches with the shipped configuration', client ~= nil, vim.lsp.get_clients())
if not client then
  io.write(('%d passed, %d failed\n'):format(passed, failed))
  os.exit(1)
end
local actions = offered(notebook, client, 18, 20)
local titles = vim.tbl_map(function(action) return action.title end, actions)
check('a selection is offered to be run', vim.tbl_contains(titles, 'Run selection in sandbox'), titles)
check('a file is offered to be run', vim.tbl_contains(titles, 'Run file in sandbox'), titles)
for _, action in ipairs(actions) do
  if action.title == 'Run selection in sandbox' then
    check('it has a kind of its own', vim.startswith(action.kind or '', 'belljar.run'), action.kind)
    check('it need not be resolved', action.command ~= nil, action)
  end
end
pick(18, 20, 'Run selection in sandbox')
check('the output arrives as a diagnostic', wait_for(function()
  return #diagnostics(notebook, 'using print') > 0
end), all_of(notebook))
local result = diagnostics(notebook, 'using print')[1] or {}
check('it stands on a line of the selection', (result.lnum or -1) >= 17 and (result.lnum or -1) <= 19, result)
check('it carries all that was printed', (result.message or ''):find('using sys.stdout.write', 1, true) ~= nil, result)
check('it is no warning', (result.severity or 0) >= vim.diagnostic.severity.INFO, result)
check('the output arrives as an inlay hint', wait_for(function()
  return #hints(notebook, 'using print') > 0
end), all_of(notebook))
check('the inlay hint is drawn behind the line', wait_for(function() return drawn(notebook, 'using print') end))
check('progress was begun and ended', wait_for(function()
  return has_progress('begin') and has_progress('end')
end), progress)

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
check('hovering shows the output', hover ~= nil and hover:find('using print', 1, true) ~= nil, hover or 'no hover window')
vim.cmd('normal! j') -- closes the window

-- An error keeps the line of the document: line 36 imports what is not there.
pick(36, 36, 'Run selection in sandbox')
check('an error stands on its own line', wait_for(function()
  for _, d in ipairs(diagnostics(notebook, 'ModuleNotFoundError')) do
    if d.lnum == 35 and d.severity == vim.diagnostic.severity.ERROR then return true end
  end
end), all_of(notebook))

-- A violation: the demonstration of the README, run as a file.
local token = open('fetch_token.py')
pick(1, vim.api.nvim_buf_line_count(token), 'Run file in sandbox')
check('a refused connection is a diagnostic', wait_for(function()
  return #diagnostics(token, '192.0.2.7') > 0
end), all_of(token))
local refusal = diagnostics(token, '192.0.2.7')[1] or {}
local said = vim.api.nvim_buf_get_lines(token, refusal.lnum or 0, (refusal.lnum or 0) + 1, false)[1]
check('on the line that connects', said:find('create_connection', 1, true) ~= nil, refusal)
check('it is a warning or an error', (refusal.severity or 9) <= vim.diagnostic.severity.WARN, refusal)
check('what was printed before is there too', #diagnostics(token, 'signature:') + #hints(token, 'signature:') > 0, all_of(token))

-- Each refusal on its own line, although the program swallows them all, and the loop where it was stopped.
local settings, asker = open('quick/settings.py')
local lines = vim.api.nvim_buf_get_lines(settings, 0, -1, false)
local function refused(pattern, code)
  return vim.tbl_filter(function(d) return d.code == code end, diagnostics(settings, pattern))
end
local function stands_on(d, text) return d ~= nil and (lines[d.lnum + 1] or ''):find(text, 1, true) ~= nil end
local function stopped() return #diagnostics(settings, 'time limit') > 0 end
pick(1, #lines, 'Run file in sandbox')
check('a loop is stopped by the time limit', wait_for(stopped), all_of(settings))
local loop = diagnostics(settings, 'time limit')[1]
check('on a line of the loop', stands_on(loop, 'waited'), all_of(settings))
local connect = refused('192.0.2.7', 'network.connect')[1]
check('a swallowed refusal of a connection is on its line', stands_on(connect, 'create_connection'), all_of(settings))
local hidden = refused('~/notes/settings.json', 'files.read')[1]
check('a swallowed look at a hidden file is on its line', stands_on(hidden, 'with open('), all_of(settings))
check('and so is the second one', stands_on(refused('~/notes/diary.txt', 'files.read')[1], 'open(diary)'), all_of(settings))
check('the colour was not read', #diagnostics(settings, 'colour: unknown') + #hints(settings, 'colour: unknown') > 0, all_of(settings))

-- Allow once: that one thing, and nothing else.
local rule = 'files.read = ["~/notes/settings.json"]'
local function fixes(d)
  if d == nil then return {} end
  local found = {}
  for _, action in ipairs(offered(settings, asker, d.lnum + 1, d.lnum + 1)) do
    if action.kind == 'quickfix' then table.insert(found, action.title) end
  end
  return found
end
check('the hidden file can be allowed once', vim.tbl_contains(fixes(hidden), 'Allow once and run again: ' .. rule), fixes(hidden))
check('the connection cannot', #fixes(connect) == 0, fixes(connect))
if hidden then pick(hidden.lnum + 1, hidden.lnum + 1, 'Allow once and run again: ' .. rule) end
check('with the rule the colour is read', wait_for(function()
  return stopped() and #diagnostics(settings, 'colour: green') + #hints(settings, 'colour: green') > 0
end), all_of(settings))
check('the refusal is gone', #refused('~/notes/settings.json', 'files.read') == 0, all_of(settings))
check('the other file is hidden still', #refused('~/notes/diary.txt', 'files.read') == 1, all_of(settings))
check('the connection is refused still', #refused('192.0.2.7', 'network.connect') == 1, all_of(settings))
local config = assert(vim.env.XDG_CONFIG_HOME) .. '/belljar/policy.toml'
check('nothing was written', vim.fn.filereadable(config) == 0)
asker:exec_cmd({ title = 'again', command = 'belljar.rerun' }, { bufnr = settings })
check('it was once', wait_for(function()
  return stopped() and #refused('~/notes/settings.json', 'files.read') == 1
end), all_of(settings))

-- Allow for good: asked first, then written.
local everywhere = 'Allow for me everywhere: ' .. rule
local asked = {}
vim.ui.select = function(items, options, choose)
  table.insert(asked, options.prompt)
  for _, item in ipairs(items) do
    if item.title == 'Write it' then return choose(item) end
  end
  choose(nil)
end
hidden = refused('~/notes/settings.json', 'files.read')[1]
check('the hidden file can be allowed for good', wait_for(function()
  return vim.tbl_contains(fixes(hidden), everywhere)
end), fixes(hidden))
if hidden then pick(hidden.lnum + 1, hidden.lnum + 1, everywhere) end
check('the rule is written', wait_for(function() return vim.fn.filereadable(config) == 1 end))
check('after a question that has it', #asked == 1 and asked[1]:find(rule, 1, true) ~= nil, asked)
local written = vim.fn.filereadable(config) == 1 and table.concat(vim.fn.readfile(config), '\n') or ''
check('and nothing else', written == '[files]\nread = ["~/notes/settings.json"]', written)

-- Cancel, the way the protocol has it: by the progress token.
local spin, spinning = open('spin.py')
progress = {}
pick(1, vim.api.nvim_buf_line_count(spin), 'Run file in sandbox')
check('a loop shows progress that can be cancelled', wait_for(function()
  local begin = has_progress('begin')
  return begin and begin.value.cancellable == true
end), progress)
local begin = has_progress('begin') or {}
spinning:notify('window/workDoneProgress/cancel', { token = begin.token })
check('cancelling the progress ends the run', wait_for(function() return has_progress('end') ~= nil end), progress)
check('and the buffer says so', wait_for(function()
  return #diagnostics(spin, 'Stopped by you') > 0
end), all_of(spin))

-- Cancel, the way any editor can: by the command, without arguments.
progress = {}
pick(1, vim.api.nvim_buf_line_count(spin), 'Run file in sandbox')
wait_for(function() return has_progress('begin') ~= nil end)
spinning:exec_cmd({ title = 'cancel', command = 'belljar.cancel' }, { bufnr = spin })
check('the cancel command ends the run', wait_for(function() return has_progress('end') ~= nil end), progress)

-- Clear takes everything away.
spinning:exec_cmd({ title = 'clear', command = 'belljar.clear' }, { bufnr = spin })
check('clear empties the buffer', wait_for(function()
  return #vim.diagnostic.get(spin) == 0 and #vim.lsp.inlay_hint.get({ bufnr = spin }) == 0
end), all_of(spin))

-- Two runs of one buffer at once, and an edit above a result.
vim.cmd.buffer(notebook)
vim.api.nvim_buf_set_lines(notebook, 0, 0, false, { '# a new first line' })
pick(19, 20, 'Run selection in sandbox')
pick(25, 29, 'Run selection in sandbox')
check('two runs of one buffer both show their results', wait_for(function()
  return #diagnostics(notebook, 'using print') > 0 and #diagnostics(notebook, 'Warning') > 0
end), all_of(notebook))

for _, other in ipairs(vim.lsp.get_clients()) do other:stop() end
check('the server stops when told to', wait_for(function() return #vim.lsp.get_clients() == 0 end))
io.write(('%d passed, %d failed\n'):format(passed, failed))
os.exit(failed == 0 and 0 or 1)
