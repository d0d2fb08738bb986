-- `:checkhealth belljar`: is everything there, does a sandbox work here, which languages can be run. Bad lines end in
-- what mends them.
local client = require('belljar.client')
local health = vim.health

local M = {}

-- The output of the binary, or nothing. Health pages are written in one go, so this waits.
---@param ... string
---@return string?
local function ask(...)
  local ok, done = pcall(
    function(...) return vim.system(client.command(...), { text = true, timeout = 30000 }):wait() end,
    ...
  )
  return ok and done.stdout ~= '' and done.stdout or nil
end

---@param ... string
---@return any
local function ask_json(...)
  local ok, answer = pcall(vim.json.decode, ask(...) or '', { luanil = { object = true } })
  return ok and answer or nil
end

local function check_server()
  health.start('belljar: server')
  local missing = client.missing()
  if missing then
    health.error(missing)
    return false
  end
  local version = ask('--version')
  if not version then
    health.error(
      ('`%s` does not run'):format(table.concat(client.command('--version'), ' ')),
      'try it in a terminal; the binary may be of another architecture'
    )
    return false
  end
  health.ok(('%s: %s'):format(vim.trim(version), vim.fn.exepath(client.command()[1])))
  if vim.lsp.is_enabled('belljar') then
    health.ok('starts with files of known languages; in every other buffer with `:Belljar run`')
  else
    health.info("starts with `:Belljar run`; `vim.lsp.enable('belljar')` starts it with files of known languages")
  end
  local server = client.running()
  if server then
    health.ok(
      ('running, has %d buffers, policy %s'):format(
        vim.tbl_count(server.attached_buffers),
        require('belljar.status').state().policy
      )
    )
  else
    health.info('not running')
  end
  return true
end

local function check_sandbox()
  health.start('belljar: sandbox')
  local diagnosis = ask_json('doctor', '--json') ---@type belljar.Diagnosis?
  if not diagnosis then return health.error('`belljar doctor` says nothing', 'run it in a terminal') end
  require('belljar.doctor').latest = diagnosis
  if diagnosis.works then
    health.ok('a program was run in a sandbox')
  else
    health.error('a program could not be run in a sandbox, so nothing will be run', 'see the layers that are off below')
  end
  for _, finding in ipairs(diagnosis.layers) do
    local text = ('%s: %s'):format(finding.layer, finding.detail)
    if finding.on then
      health.ok(text)
    elseif diagnosis.works then
      health.warn(text, finding.remedy)
    else
      health.error(text, finding.remedy)
    end
  end
end

local function check_languages()
  health.start('belljar: languages')
  for _, runtime in ipairs(ask_json('runtimes', '--json', '--no-versions') or {}) do
    if runtime.missing then
      health.info(
        ('%s: `%s` not found. To have it: %s'):format(runtime.name, runtime.missing.tool, runtime.missing.install)
      )
    else
      local paths = vim.tbl_map(function(tool) return tool.path end, runtime.tools)
      health.ok(('%s: %s'):format(runtime.name, table.concat(paths, ', ')))
    end
  end
end

function M.check()
  if vim.fn.has('nvim-0.11') == 0 then
    health.start('belljar')
    return health.error('Neovim 0.11 or newer is needed')
  end
  if check_server() then
    check_sandbox()
    check_languages()
  end
end

return M
