-- What a run is refused: where it stands, how it is allowed once and for good, and that a stranger's project allows nothing.
local d = require('driving')
local check, sees, comes, wait_for, diagnostics = d.check, d.sees, d.comes, d.wait_for, d.diagnostics
vim.fn.mkdir(vim.env.HOME .. '/.ssh', 'p')
vim.fn.writefile({ 'none' }, vim.env.HOME .. '/.ssh/id_rsa')
d.use_plugin()

-- The demonstration of the README: it swallows one refusal, and a library makes the other call for it.
local token = d.open('fetch_token.py')
vim.cmd('Belljar run file')
check(
  'violation-on-line',
  'a refused connection is a diagnostic',
  wait_for(function() return #diagnostics(token, '192.0.2.7', 'network.connect') > 0 end),
  d.all_of(token)
)
local refusal = diagnostics(token, '192.0.2.7', 'network.connect')[1] or {}
check('violation-on-line', 'on the line that connects', refusal.lnum == 21, refusal)
check('violation-on-line', 'it is a warning', refusal.severity == vim.diagnostic.severity.WARN, refusal)
local look = diagnostics(token, '~/.ssh/id_rsa', 'files.read')[1] or {}
check('violation-on-line', 'a swallowed look at a key is on its line', look.lnum == 13, d.all_of(token))
d.are_over(token, 1)
check('violation-on-line', 'the result says how many', comes(token, '2 blocked'), d.all_of(token))
check('violation-on-line', 'what was printed before is there too', sees(token, 'signature:') ~= nil, d.all_of(token))

-- Each refusal on its own line, although the program swallows them all, and the loop where it was stopped.
local settings, server = d.open('quick/settings.py')
local lines = vim.api.nvim_buf_get_lines(settings, 0, -1, false)
local function refused(pattern, code) return diagnostics(settings, pattern, code)[1] end
local function stands_on(diagnostic, text)
  return diagnostic ~= nil and (lines[diagnostic.lnum + 1] or ''):find(text, 1, true) ~= nil
end
local function stopped() return #diagnostics(settings, 'time limit') > 0 end
vim.cmd('Belljar run file')
check(
  'violation-on-line',
  'a loop is stopped by the time limit, on a line of the loop',
  wait_for(stopped) and stands_on(refused('time limit'), 'waited'),
  d.all_of(settings)
)
local connect = refused('192.0.2.7', 'network.connect')
check(
  'violation-on-line',
  'a swallowed refusal of a connection is on its line',
  stands_on(connect, 'create_connection'),
  d.all_of(settings)
)
local hidden = refused('~/notes/settings.json', 'files.read')
check(
  'violation-on-line',
  'a swallowed look at a hidden file is on its line',
  stands_on(hidden, 'with open('),
  d.all_of(settings)
)
check(
  'violation-on-line',
  'and so is the second one',
  stands_on(refused('~/notes/diary.txt', 'files.read'), 'open(diary)'),
  d.all_of(settings)
)
check('violation-on-line', 'the colour was not read', comes(settings, 'colour: unknown'), d.all_of(settings))

-- Allow once, by the quick fix: that one thing, and nothing else.
local rule = 'files.read = ["~/notes/settings.json"]'
local function fixes(diagnostic)
  local line = diagnostic.lnum + 1
  local params = vim.lsp.util.make_given_range_params({ line, 0 }, { line, 1 }, settings, server.offset_encoding)
  params.context = { diagnostics = {}, only = { 'quickfix' } }
  local answer = server:request_sync('textDocument/codeAction', params, 30000, settings)
  return vim.tbl_map(function(action) return action.title end, answer and answer.result or {})
end
local function fix(diagnostic, title)
  d.cursor(diagnostic.lnum + 1)
  vim.lsp.buf.code_action({ filter = function(action) return action.title == title end, apply = true })
end
if not hidden or not connect then d.finish() end
local once = 'Allow once and run again: ' .. rule
check('allow-once', 'the hidden file can be allowed once', vim.tbl_contains(fixes(hidden), once), fixes(hidden))
check('allow-once', 'the connection cannot', #fixes(connect) == 0, fixes(connect))
fix(hidden, once)
check(
  'allow-once',
  'with the rule the colour is read',
  wait_for(function() return stopped() and sees(settings, 'colour: green') ~= nil end),
  d.all_of(settings)
)
check('allow-once', 'its refusal is gone', not refused('~/notes/settings.json', 'files.read'), d.all_of(settings))
check(
  'allow-once',
  'the others are refused still',
  refused('~/notes/diary.txt', 'files.read') ~= nil and refused('192.0.2.7', 'network.connect') ~= nil,
  d.all_of(settings)
)
local own, projects = vim.env.XDG_CONFIG_HOME .. '/belljar/policy.toml', d.work .. '/quick/.belljar.toml'
local function read(file) return table.concat(vim.fn.readfile(file), '\n') end
local own_before, project_before = read(own), read(projects)
check(
  'allow-once',
  'nothing was written',
  read(own) == own_before and read(projects) == project_before
)
d.clear(settings)
vim.cmd('Belljar run file')
check(
  'allow-once',
  'it was once',
  wait_for(function() return stopped() and refused('~/notes/settings.json', 'files.read') ~= nil end),
  d.all_of(settings)
)

-- Allow for good: offered as one of many, asked, then written.
d.are_over(settings, 1)
wait_for(function() return #fixes(refused('~/notes/settings.json', 'files.read')) >= 3 end)
d.asked = {}
d.answers = {
  function(title) return title == 'Write it' end,
  function(title) return title == 'Allow for me everywhere: ' .. rule end,
}
vim.cmd('Belljar allow')
check(
  'allow-in-project',
  "the rule is written to the user's own policy",
  wait_for(function() return read(own) ~= own_before end),
  d.all_of(settings)
)
check(
  'allow-in-project',
  'after a question that has it',
  #d.asked == 2 and d.asked[2].prompt:find(rule, 1, true) ~= nil,
  d.asked
)
check(
  'allow-in-project',
  'and nothing else',
  read(own) == own_before .. '\n\n[files]\nread = ["~/notes/settings.json"]',
  function() return read(own) end
)
local diary = 'files.read = ["~/notes/diary.txt"]'
local in_project = 'Allow in this project: ' .. diary
d.answers = { function(title) return title == 'Write it' end }
local second = refused('~/notes/diary.txt', 'files.read')
check(
  'allow-in-project',
  'the quick fix for the project is offered',
  vim.tbl_contains(fixes(second), in_project),
  fixes(second)
)
fix(second, in_project)
check(
  'allow-in-project',
  'and written to its file, after a question',
  wait_for(function() return read(projects):find('~/notes/diary.txt', 1, true) ~= nil end),
  function() return { read(projects), d.asked } end
)
check(
  'allow-in-project',
  'whose other lines stay',
  read(projects):find('4s', 1, true) ~= nil,
  function() return read(projects) end
)

-- A stranger's project asks for more than its user allowed: it does not get it, and that is said.
local stranger = d.open('stranger/read.py')
vim.cmd('Belljar run file')
check('untrusted', 'a project that is not trusted widens nothing', comes(stranger, 'not read'), d.all_of(stranger))
check('untrusted', 'and that it asked is said', comes(stranger, 'until you trust'), d.all_of(stranger))
check(
  'untrusted',
  'what it wanted to read is refused on its line',
  d.is_told_on(6, stranger, '~/notes/diary.txt', 'files.read'),
  d.all_of(stranger)
)
local shown = vim
  .system(
    vim.list_extend(require('belljar.client').command(), { 'policy', 'trust' }),
    { cwd = d.work .. '/stranger', text = true }
  )
  :wait()
d.are_over(stranger, 1)
vim.cmd('Belljar rerun')
check(
  'untrusted',
  'control: trusted, it is read',
  shown.code == 0 and comes(stranger, 'read: dear diary'),
  function() return { shown, d.all_of(stranger)() } end
)
d.finish()
