-- How things stand, for a statusline: whether something runs and how long, under which policy, how strong the sandbox is.
local client = require('belljar.client')

local M = {}

---@class belljar.State
---@field attached boolean A server has the current buffer, or something runs.
---@field running integer So many runs are going on.
---@field waiting integer So many are waiting for others.
---@field milliseconds number How long the oldest of them has been there.
---@field policy string The policy of runs that name none.
---@field sandbox 'full'|'weaker'|'none'|'unknown' How strong it is here.
---@field weak string What is missing, in words; empty if nothing is.

-- The policy in force as the server said when it started, by its settings.
---@type string?
local policy

---@type uv.uv_timer_t?
local timer

local TICK_MS = 500

-- How things stand, for whoever wants to word it otherwise.
---@return belljar.State
function M.state()
  local runs = require('belljar.runs')
  local running, waiting, oldest, posture = 0, 0, nil, nil
  for _, run in ipairs(runs.all()) do
    posture = posture or run.posture
    if runs.is_live(run) then
      if run.state == 'running' then
        running = running + 1
      else
        waiting = waiting + 1
      end
      oldest = math.min(oldest or math.huge, run.started or run.began)
    end
  end
  local diagnosis = require('belljar.doctor').latest
  local weak = diagnosis and table.concat(require('belljar.doctor').weak(diagnosis), ', ') or ''
  -- What the latest run saw is nearer to the truth than what the doctor saw before it.
  if posture then weak = posture.full and '' or posture.summary end
  local server, buffer = client.running(), vim.api.nvim_get_current_buf()
  local is_known = require('belljar.unnamed').version(buffer) or server and server.attached_buffers[buffer]
  return {
    attached = running + waiting > 0 or not not is_known,
    running = running,
    waiting = waiting,
    milliseconds = oldest and vim.uv.now() - oldest or 0,
    policy = client.policy or policy or 'default',
    sandbox = not (diagnosis or posture) and 'unknown'
      or diagnosis and not diagnosis.works and 'none'
      or weak ~= '' and 'weaker'
      or 'full',
    weak = weak,
  }
end

local WORDS = { full = 'full sandbox', weaker = 'weaker sandbox', none = 'no sandbox', unknown = '' }

-- One short text: `● 1.2 s default, full sandbox`; empty where Belljar has nothing to do.
---@return string
function M.text()
  local state = M.state()
  if not state.attached then return '' end
  local symbols = require('belljar.config').get().symbols
  local parts = {}
  local n_live = state.running + state.waiting
  if n_live > 0 then
    table.insert(parts, state.running > 0 and symbols.running or symbols.waiting)
    if n_live > 1 then table.insert(parts, ('%d runs'):format(n_live)) end
    table.insert(parts, require('belljar.ui').duration(state.milliseconds))
  end
  -- A name with a percent sign would be read as an item of the statusline.
  table.insert(parts, (state.policy:gsub('%%', '')))
  local text = table.concat(parts, ' ')
  return state.sandbox == 'unknown' and text or ('%s, %s'):format(text, WORDS[state.sandbox])
end

-- All of it as sentences, for `:Belljar status`.
---@return string[]
function M.lines()
  local state = M.state()
  local server = client.running()
  local lines = {
    server and ('server: %s, running'):format(server.server_info and server.server_info.version or 'version unknown')
      or 'server: not running; `:Belljar run` starts it',
    ('policy of runs that name none: %s'):format(state.policy),
  }
  local strength = {
    full = 'sandbox: full; `:checkhealth belljar` has every layer',
    weaker = ('sandbox: weaker than it can be: %s'):format(state.weak),
    none = 'sandbox: cannot be made on this machine; `:checkhealth belljar` says what mends it',
    unknown = 'sandbox: not looked at yet; `:checkhealth belljar` does',
  }
  table.insert(lines, strength[state.sandbox])
  local given = require('belljar.given').describe(vim.api.nvim_get_current_buf())
  if given ~= '' then table.insert(lines, 'programs of this buffer get ' .. given) end
  for _, run in ipairs(require('belljar.runs').all()) do
    table.insert(lines, M.describe(run))
  end
  return lines
end

-- The document of a run, as short as Neovim names files here.
---@param run belljar.Run
---@return string
function M.short_name(run) return vim.fn.fnamemodify(run.name, ':~:.') end

-- One run in one line.
---@param run belljar.Run
---@return string
function M.describe(run)
  local first, last = require('belljar.ui').rows(run)
  local how = run.summary or run.state
  if run.state == 'running' then how = 'running ' .. require('belljar.ui').duration(vim.uv.now() - run.started) end
  return ('%s:%d-%d (%s, %s): %s'):format(M.short_name(run), first + 1, last + 1, run.what, run.policy, how)
end

-- Asks a server that has just started which policy its settings say.
---@param server vim.lsp.Client
function M.ask_policy(server)
  server:request('workspace/executeCommand', { command = 'belljar.policies', arguments = {} }, function(_, result)
    local active = vim.iter(result and result.policies or {}):find(function(entry) return entry.active end)
    policy = active and active.name
    M.changed()
  end)
end

-- Something about runs has changed: the statusline is drawn anew, and as long as something runs its time goes on.
function M.changed()
  local runs = require('belljar.runs')
  local any = vim.iter(runs.all()):any(runs.is_live)
  if any and not timer then
    timer = assert(vim.uv.new_timer())
    timer:start(
      TICK_MS,
      TICK_MS,
      vim.schedule_wrap(function()
        for _, run in ipairs(runs.all()) do
          if run.state == 'running' then require('belljar.ui').tick(run) end
        end
        vim.cmd.redrawstatus({ bang = true })
      end)
    )
  elseif not any and timer then
    timer:close()
    timer = nil
  end
  vim.schedule(function() vim.cmd.redrawstatus({ bang = true }) end)
end

return M
