-- The installations of editors/neovim/README.md, word for word, each in a Neovim that has never seen Belljar; and the help.
local d = require('driving')
local check = d.check
local plugin = d.editors .. '/neovim'
local readme = table.concat(vim.fn.readfile(plugin .. '/README.md'), '\n')
local temporary = vim.uv.fs_mkdtemp(assert(vim.env.TMPDIR) .. '/fresh-XXXXXX')
local git = { 'git', '-c', 'user.name=Ada', '-c', 'user.email=ada@localhost', '-c', 'init.defaultBranch=main' }

local function run(command, folder)
  local done = vim.system(command, { cwd = folder, text = true }):wait()
  assert(done.code == 0, table.concat(command, ' ') .. ': ' .. (done.stderr or ''))
end

-- A repository like Belljar's, as far as plugin managers see it.
local repository = temporary .. '/repository'
vim.fn.mkdir(repository .. '/editors', 'p')
run({ 'cp', '-r', plugin, repository .. '/editors/neovim' })
for _, words in ipairs({ { 'init', '-q' }, { 'add', '-A' }, { 'commit', '-q', '-m', 'All of it' } }) do
  run(vim.list_extend(vim.deepcopy(git), words), repository)
end
local clone = temporary .. '/belljar'
run({ 'git', 'clone', '-q', repository, clone })

-- The fence that follows `sentence` in the README.
local function recipe(sentence)
  local _, from = readme:find(sentence, 1, true)
  local text = from and readme:match('```lua\n(.-)```', from)
  assert(text, 'the README has no recipe for ' .. sentence)
  return (text:gsub('REPOSITORY', 'file://' .. repository))
end

-- What the new Neovim does: opens a file, runs it, tells what is drawn, and whether there is help.
local probe = temporary .. '/probe.lua'
vim.fn.writefile(
  vim.split(
    [[
local seen = {}
local function see(name, value) seen[name] = value end
local starts_by_itself = not (vim.g.belljar and vim.g.belljar.enable == false)
local function attached() return #vim.lsp.get_clients({ name = 'belljar', bufnr = 0 }) end
if starts_by_itself then vim.wait(60000, function() return attached() > 0 end, 10) end
see('attached', attached() == (starts_by_itself and 1 or 0))
vim.cmd('Belljar run file')
vim.wait(60000, function()
  local run = require('belljar.runs').all()[1]
  return run ~= nil and run.state == 'ended'
end, 10)
local marks = vim.api.nvim_buf_get_extmarks(0, vim.api.nvim_create_namespace('belljar'), 0, -1, { details = true })
see('drawn', vim.inspect(marks):find('area 12', 1, true) ~= nil)
see('help', (pcall(vim.cmd.help, 'belljar-quick-start')))
see('from', vim.api.nvim_get_runtime_file('lua/belljar/init.lua', false)[1])
vim.fn.writefile({ vim.json.encode(seen) }, vim.env.SEEN)
vim.cmd('qall!')
]],
    '\n'
  ),
  probe
)

-- Starts one with `init` as its init.lua.
local function fresh(name, init, packages)
  local home = temporary .. '/' .. name
  vim.fn.mkdir(home .. '/config/nvim', 'p')
  vim.fn.mkdir(home .. '/data/nvim/site/pack/belljar/start', 'p')
  vim.fn.writefile(vim.split(init, '\n'), home .. '/config/nvim/init.lua')
  if packages then run({ 'cp', '-r', plugin, home .. '/data/nvim/site/pack/belljar/start/belljar' }) end
  local began = vim.uv.now()
  local done = vim
    .system({ vim.v.progpath, '--headless', d.work .. '/steps.py', '-c', 'luafile ' .. probe }, {
      text = true,
      timeout = 200000,
      env = {
        HOME = home,
        XDG_CONFIG_HOME = home .. '/config',
        XDG_DATA_HOME = home .. '/data',
        XDG_STATE_HOME = home .. '/state',
        XDG_CACHE_HOME = home .. '/cache',
        SEEN = home .. '/seen',
      },
    })
    :wait()
  local ok, seen = pcall(function() return vim.json.decode(vim.fn.readfile(home .. '/seen')[1]) end)
  local good = ok and seen.attached and seen.drawn and seen.help and vim.startswith(seen.from, temporary)
  check(
    'run-file',
    ('installed %s, a file runs and there is help'):format(name),
    good,
    { ok and seen or 'nothing', done.code, done.stderr }
  )
  d.measured(('installed %s, from start to result,'):format(name), vim.uv.now() - began)
end

if vim.pack then
  -- Somebody says yes to the question whether to install it.
  fresh('with vim.pack', 'vim.fn.confirm = function() return 1 end\n' .. recipe('With `vim.pack`'))
end
-- lazy.nvim itself is in no package registry. This does what its loader does with such a specification: it clones it, adds
-- it to 'runtimepath', sources its plugin/ files, calls `config`, and leaves Neovim's own loading out.
fresh(
  "with lazy.nvim's steps",
  ([[
vim.go.loadplugins = false
local plugin = ({ %s })[1]
plugin.dir = vim.fn.stdpath('data') .. '/lazy/' .. plugin.name
vim.fn.system({ 'git', 'clone', '-q', plugin.url, plugin.dir })
vim.opt.runtimepath:append(plugin.dir)
vim.cmd('filetype plugin on')
plugin.config(plugin, {})
]]):format(recipe('With lazy.nvim'))
)
fresh('from a clone', (recipe('With a clone'):gsub('~/belljar', clone)))
fresh('as a package', '', true)
fresh('with a server only for runs', "require('belljar').setup({ enable = false })", true)

-- The help: its tags are up to date, and every subcommand and every map is in it.
local doc = plugin .. '/doc'
local before = table.concat(vim.fn.readfile(doc .. '/tags'), '\n')
vim.cmd.helptags(doc)
check(
  'run-file',
  'the tags of the help are up to date',
  table.concat(vim.fn.readfile(doc .. '/tags'), '\n') == before,
  before
)
vim.opt.runtimepath:prepend(plugin)
vim.cmd.runtime('plugin/belljar.lua')
local missing = {}
for _, name in ipairs(vim.fn.getcompletion('Belljar ', 'cmdline')) do
  if not before:find(':Belljar-' .. name:gsub('!', ''), 1, true) then table.insert(missing, name) end
end
local help = table.concat(vim.fn.readfile(doc .. '/belljar.txt'), '\n')
for _, mapping in ipairs(vim.list_extend(vim.api.nvim_get_keymap('n'), vim.api.nvim_get_keymap('x'))) do
  local name = mapping.lhs:match('^<Plug>%(belljar.*')
  if name and not help:find(name, 1, true) then table.insert(missing, name) end
end
for group in pairs(require('belljar.ui').highlights) do
  if not before:find('hl-' .. group, 1, true) then table.insert(missing, group) end
end
check('run-file', 'every subcommand, map and highlight group is in the help', #missing == 0, missing)
local registered = dofile(plugin .. '/registries/nvim-lspconfig.lua')
check(
  'run-file',
  'the entry for nvim-lspconfig is what is shipped',
  vim.deep_equal(registered.cmd, vim.lsp.config.belljar.cmd)
    and vim.deep_equal(registered.filetypes, vim.lsp.config.belljar.filetypes),
  registered
)
vim.fn.delete(temporary, 'rf')
d.finish()
