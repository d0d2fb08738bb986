-- The language client: starts the server where it is wanted, speaks to it, and says so when it is missing or has died.
local M = {}

local NAME = 'belljar'
-- A server that has not answered by then will not.
local PATIENCE_MS = 15000

---@param message string
---@param level? integer
function M.say(message, level) vim.notify('belljar: ' .. message, level or vim.log.levels.INFO) end

-- The policy that was chosen for this session. A server that is started again is told of it.
---@type string?
M.policy = nil

-- Buffers that lost their server; the next one gets them.
---@type table<integer, true>
local orphans = {}

---@param code integer
---@param signal integer
---@param id integer
local function gone(code, signal, id)
  if vim.v.exiting ~= vim.NIL then return end
  local client = vim.lsp.get_client_by_id(id)
  local buffers = client and vim.tbl_keys(client.attached_buffers) or {}
  vim.schedule(function()
    local was_asked_to = signal == 15 or (code == 0 and signal == 0)
    require('belljar.runs').server_gone(id)
    require('belljar.unnamed').server_gone(id)
    if was_asked_to then return end
    for _, buffer in ipairs(buffers) do
      orphans[buffer] = true
    end
    local how = signal ~= 0 and ('signal %d'):format(signal) or ('status %d'):format(code)
    M.say(
      ('the server ended unexpectedly (%s). What was running is lost; the next `:Belljar run` starts it again. `:Belljar log` may say why.'):format(
        how
      ),
      vim.log.levels.ERROR
    )
  end)
end

-- What the plugin adds to lsp/belljar.lua: results are told to us and drawn here, not sent as hints and diagnostics.
---@return table
function M.additions()
  return {
    capabilities = { experimental = { belljarUi = true } },
    handlers = {
      ['belljar/runEvent'] = function(_, event, context) require('belljar.runs').take(context.client_id, event) end,
      ['textDocument/publishDiagnostics'] = function(problem, result, context)
        if require('belljar.unnamed').show_diagnostics(result, context.client_id) then return end
        return vim.lsp.handlers['textDocument/publishDiagnostics'](problem, result, context)
      end,
    },
    before_init = function(parameters)
      if not M.policy then return end
      parameters.initializationOptions =
        vim.tbl_extend('force', parameters.initializationOptions or {}, { policy = M.policy })
    end,
    on_init = function(server) require('belljar.status').ask_policy(server) end,
    on_exit = gone,
    root_dir = function(buffer, on_dir)
      -- Neovim's client calls every buffer without a name `file://`; unnamed.lua speaks for those.
      if vim.api.nvim_buf_get_name(buffer) ~= '' then on_dir(vim.fs.root(buffer, { '.belljar.toml', '.git' })) end
    end,
  }
end

---@return vim.lsp.Config?
function M.config() return vim.lsp.config[NAME] end

-- A command line of the binary that the server is started from, with whatever stands before it (`systemd-run ...`).
---@param ... string
---@return string[]
function M.command(...)
  local config = M.config()
  local words = config and type(config.cmd) == 'table' and vim.deepcopy(config.cmd) or { 'belljar', 'lsp' }
  ---@cast words string[]
  if words[#words] == 'lsp' then table.remove(words) end
  return vim.list_extend(words, { ... })
end

-- Why the server cannot be started, if it cannot.
---@return string?
function M.missing()
  local config = M.config()
  if not config then
    return "Neovim does not find lsp/belljar.lua on 'runtimepath'. The plugin is not installed as a whole."
  end
  if type(config.cmd) == 'table' and vim.fn.executable(config.cmd[1]) == 0 then
    return (
      '`%s` is not installed, or not on the PATH that Neovim has. Install it (`cargo install --path .` in a clone of Belljar), '
      .. "or name it: vim.lsp.config('belljar', { cmd = { '/path/to/belljar', 'lsp' } }). `:checkhealth belljar` looks again."
    ):format(config.cmd[1])
  end
end

-- The server that runs, if one does.
---@return vim.lsp.Client?
function M.running()
  for _, client in ipairs(vim.lsp.get_clients({ name = NAME })) do
    if not client:is_stopped() then return client end
  end
end

-- Whether a buffer stands for a file, so that Neovim's own client tells of it.
---@param buffer integer
---@return boolean
function M.is_file(buffer) return vim.bo[buffer].buftype == '' and vim.api.nvim_buf_get_name(buffer) ~= '' end

---@param client vim.lsp.Client
---@param buffer integer
local function attach(client, buffer)
  if M.is_file(buffer) and not client.attached_buffers[buffer] then vim.lsp.buf_attach_client(buffer, client.id) end
end

---@param buffer integer
---@return vim.lsp.Client?
local function start(buffer)
  local problem = M.missing()
  if problem then
    M.say(problem, vim.log.levels.ERROR)
    return
  end
  local config = vim.deepcopy(assert(M.config()))
  config.root_dir = vim.fs.root(buffer, config.root_markers or {})
  local id = vim.lsp.start(config, { attach = false, reuse_client = config.reuse_client })
  return id and vim.lsp.get_client_by_id(id)
end

-- Calls `go` with a server that is ready and has `buffer`; starts one if there is none.
---@param buffer integer
---@param go fun(client: vim.lsp.Client)
function M.with(buffer, go)
  local client = M.running() or start(buffer)
  if not client then return end
  local deadline = vim.uv.now() + PATIENCE_MS
  local function when_ready()
    if client.initialized then
      for orphan in pairs(orphans) do
        if vim.api.nvim_buf_is_loaded(orphan) then attach(client, orphan) end
      end
      orphans = {}
      if vim.api.nvim_buf_is_loaded(buffer) then
        attach(client, buffer)
        go(client)
      end
    elseif client:is_stopped() or vim.uv.now() > deadline then
      M.say('the server did not start. `:Belljar log` may say why.', vim.log.levels.ERROR)
    else
      vim.defer_fn(when_ready, 10)
    end
  end
  when_ready()
end

-- Has the server do a command about `buffer`. What it says against it is shown.
---@param buffer integer
---@param command string
---@param argument? table
---@param on_result? fun(result: table)
function M.execute(buffer, command, argument, on_result)
  M.with(buffer, function(client)
    local parameters = { command = command, arguments = { argument } }
    client:request('workspace/executeCommand', parameters, function(problem, result)
      if problem then
        M.say(problem.message, vim.log.levels.WARN)
      elseif on_result then
        on_result(result)
      end
    end, buffer)
  end)
end

-- How the server names the document in `buffer`. Of one that is no file it is told the text by this.
---@param client vim.lsp.Client
---@param buffer integer
---@return string
function M.uri(client, buffer)
  return M.is_file(buffer) and vim.uri_from_bufnr(buffer) or require('belljar.unnamed').tell(client, buffer)
end

-- The version of the text that is in `buffer` now, as the server will know it.
---@param buffer integer
---@return integer?
function M.version(buffer) return require('belljar.unnamed').version(buffer) or vim.lsp.util.buf_versions[buffer] end

-- The buffer that shows a document, if one does.
---@param uri string
---@return integer?
function M.buffer_of(uri)
  local unnamed = require('belljar.unnamed').buffer_of(uri)
  if unnamed or vim.startswith(uri, 'untitled:') then return unnamed end
  local buffer = vim.fn.bufexists(vim.uri_to_fname(uri)) == 1 and vim.uri_to_bufnr(uri) or nil
  return buffer and vim.api.nvim_buf_is_loaded(buffer) and buffer or nil
end

return M
