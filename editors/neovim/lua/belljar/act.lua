-- What a user can have done: run, stop, rerun, clear, look at output, choose a policy, allow.
local client = require('belljar.client')
local given = require('belljar.given')
local runs = require('belljar.runs')

local M = {}

-- Texts around code.
local TEXTS = { markdown = true, org = true, quarto = true, rmd = true, rst = true, asciidoc = true }

---@class belljar.Wanted
---@field what? belljar.What Default: the block around the cursor in a text around code, else the whole file.
---@field first? integer The first selected line, from 1; the cursor's if there is none.
---@field last? integer The last one, included.
---@field policy? string For this run only.

-- Runs a part of the current buffer.
---@param wanted? belljar.Wanted
function M.run(wanted)
  wanted = wanted or {}
  local buffer = vim.api.nvim_get_current_buf()
  if vim.tbl_contains({ 'terminal', 'prompt', 'quickfix' }, vim.bo[buffer].buftype) then
    return client.say('this window holds no text of yours; nothing is run from it.', vim.log.levels.WARN)
  end
  local what = wanted.what or (TEXTS[vim.bo[buffer].filetype] and 'block' or 'file')
  -- Where a command line's `-c` runs it, the cursor may be nowhere yet.
  local first = wanted.first or math.max(vim.api.nvim_win_get_cursor(0)[1], 1)
  local last = wanted.last or first
  -- From the first character of the first line to that of the line behind the last one. Where the cursor only shows a
  -- place, it is the place itself.
  local range = { start = { line = first - 1, character = 0 }, ['end'] = { line = last, character = 0 } }
  if not wanted.first then range['end'] = range.start end
  client.with(
    buffer,
    function(server)
      client.execute(buffer, 'belljar.run', {
        uri = client.uri(server, buffer),
        what = what,
        range = range,
        policy = wanted.policy,
        arguments = given.to(buffer).arguments,
        stdin = given.to(buffer).stdin,
      })
    end
  )
end

---@param buffer integer
---@return belljar.Run?
local function meant(buffer)
  local run = runs.meant(buffer, vim.api.nvim_win_get_cursor(0)[1] - 1)
  if not run then client.say('nothing was run in this buffer.') end
  return run
end

-- Runs the same lines again, as they are now.
function M.rerun()
  local buffer = vim.api.nvim_get_current_buf()
  local run = meant(buffer)
  if not run then return end
  if runs.is_known(run) then return client.execute(buffer, 'belljar.rerun', { run = run.id }) end
  -- Its server has ended, so this one is told everything anew.
  local first, last = require('belljar.ui').rows(run)
  M.run({ what = run.what, first = first + 1, last = last + 1, policy = run.policy })
end

-- Ends what runs in this buffer.
---@param everywhere? boolean In every buffer.
function M.stop(everywhere)
  local buffer = vim.api.nvim_get_current_buf()
  local server = client.running()
  local live = vim.tbl_filter(runs.is_live, runs.all(not everywhere and buffer or nil))
  if not server or #live == 0 then return client.say('nothing runs here.') end
  for _, run in ipairs(live) do
    client.execute(buffer, 'belljar.cancel', { run = run.id })
  end
end

-- Takes away the results of this buffer. What still runs goes on.
---@param everywhere? boolean Those of every buffer.
function M.clear(everywhere)
  local buffer = vim.api.nvim_get_current_buf()
  runs.clear_lost(not everywhere and buffer or nil)
  local server = client.running()
  if not server then return end
  client.execute(buffer, 'belljar.clear', everywhere and { all = true } or { uri = client.uri(server, buffer) })
end

-- Shows everything that a run printed.
---@param choose? boolean Asks which, of all runs there are.
---@param modifiers? vim.api.keyset.parse_cmd.mods
function M.output(choose, modifiers)
  local output = require('belljar.output')
  if not choose then
    local run = meant(vim.api.nvim_get_current_buf())
    return run and output.open(run, modifiers)
  end
  local all = runs.all()
  if #all == 0 then return client.say('nothing was run yet.') end
  vim.ui.select(
    all,
    { prompt = 'Output of which run?', format_item = require('belljar.status').describe },
    function(run)
      if run then output.open(run, modifiers) end
    end
  )
end

-- All values that the line under the cursor printed, in a floating window.
function M.values()
  local buffer, row = vim.api.nvim_get_current_buf(), vim.api.nvim_win_get_cursor(0)[1] - 1
  for _, run in ipairs(runs.all(buffer)) do
    local value = require('belljar.ui').values_by_row(run)[row]
    if value then
      local lines = vim.tbl_map(require('belljar.ui').plain, value.all)
      if value.count > #lines then table.insert(lines, 1, ('… %d more before'):format(value.count - #lines)) end
      return vim.lsp.util.open_floating_preview(lines, '', { focus_id = 'belljar-values' })
    end
  end
  client.say('nothing that is shown was printed by this line.')
end

---@param name string
local function use_policy(name)
  client.execute(vim.api.nvim_get_current_buf(), 'belljar.usePolicy', { policy = name }, function(result)
    client.policy = result.policy or name
    require('belljar.status').changed()
    client.say(('runs that name no policy now have `%s`.'):format(client.policy))
  end)
end

-- Chooses the policy of runs that name none, for this session.
---@param name? string Asks if there is none.
function M.policy(name)
  if name then return use_policy(name) end
  client.execute(vim.api.nvim_get_current_buf(), 'belljar.policies', nil, function(result)
    vim.ui.select(result.policies, {
      prompt = 'Policy for the runs of this session',
      format_item = function(policy)
        return ('%s%s  %s'):format(policy.active and '● ' or '  ', policy.name, policy.description)
      end,
    }, function(policy)
      if policy then use_policy(policy.name) end
    end)
  end)
end

local SCOPES = {
  once = 'Allow once and run again',
  project = 'Allow in this project',
  user = 'Allow for me everywhere',
}

-- Offers the rules that would lift what the run under the cursor was refused. The server asks before it writes one.
function M.allow()
  local buffer = vim.api.nvim_get_current_buf()
  local run = meant(buffer)
  if not run then return end
  local choices = {}
  for _, violation in ipairs(run.violations) do
    for _, scope in ipairs(violation.allow and { 'once', 'project', 'user' } or {}) do
      table.insert(choices, { scope = scope, violation = violation })
    end
  end
  if #choices == 0 then return client.say('no rule can lift what was refused here, or nothing was.') end
  vim.ui.select(choices, {
    prompt = 'Allow what?',
    format_item = function(choice)
      return ('%s: %s'):format(SCOPES[choice.scope], require('belljar.ui').plain(choice.violation.allow))
    end,
  }, function(choice)
    if not choice then return end
    client.execute(buffer, 'belljar.allow', { run = run.id, violation = choice.violation.index, scope = choice.scope })
  end)
end

-- Says how things stand.
function M.status() client.say(table.concat(require('belljar.status').lines(), '\n')) end

-- Opens the language client's log, where the server's own messages are too.
function M.log()
  vim.cmd.tabedit(vim.fn.fnameescape(vim.lsp.log and vim.lsp.log.get_filename() or vim.lsp.get_log_path()))
end

return M
