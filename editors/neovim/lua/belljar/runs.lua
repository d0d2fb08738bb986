-- The runs of this session as the server tells of them: what state each is in, and what it printed where.
local client = require('belljar.client')

local M = {}

---@class belljar.Value What one line of the buffer printed.
---@field mark integer Its extmark.
---@field last string The last line that it printed.
---@field all string[] The latest of them, oldest first.
---@field count integer How many it printed. Empty lines are none.
---@field stream 'stdout'|'stderr'
---@field open boolean The last one has no line end yet.

---@class belljar.Line
---@field text string
---@field stream 'stdout'|'stderr'
---@field open boolean It has no line end yet.

---@class belljar.Run
---@field id string
---@field client_id integer
---@field buffer integer
---@field uri string
---@field name string
---@field policy string
---@field what belljar.What
---@field version integer The document's version that `first` and `last` belong to.
---@field first integer
---@field last integer
---@field state 'waiting'|'running'|'ended'|'lost'
---@field ahead integer
---@field began number When it was first heard of, in milliseconds.
---@field started? number When its program started.
---@field values belljar.Value[]
---@field below belljar.Line[] The last lines that no line of the buffer is known for.
---@field n_below integer How many of those there were.
---@field omitted boolean Some output was not told.
---@field violations belljar.Violation[]
---@field ending? belljar.Ending
---@field summary? string
---@field hint? string
---@field posture? belljar.Posture
---@field notes? string[]
---@field stale boolean
---@field anchor? integer The extmark on its first line.
---@field block? integer The extmark on its last line, that has what stands below it.

---@type belljar.Run[] Oldest first.
local runs = {}
-- So many values of one line are kept for whoever asks for all of them.
local MOST_VALUES = 200
-- A longer line of output is cut here; the full output has all of it.
local MOST_BYTES = 2000

---@param client_id integer
---@param id string
---@return belljar.Run?, integer?
local function find(client_id, id)
  for i = #runs, 1, -1 do
    if runs[i].client_id == client_id and runs[i].id == id then return runs[i], i end
  end
end

---@param text string
---@return string
local function shortened(text)
  if #text <= MOST_BYTES then return text end
  return text:sub(1, MOST_BYTES + vim.str_utf_end(text, MOST_BYTES)) .. '…'
end

---@param value belljar.Value
---@param text string
---@param stream 'stdout'|'stderr'
local function add_to_value(value, text, stream)
  for line, ending in text:gmatch('([^\n]*)(\n?)') do
    if line == '' and ending == '' then break end
    if value.open then
      value.last = shortened(value.last .. line)
      value.all[#value.all] = value.last
    elseif line ~= '' then
      value.last, value.count = shortened(line), value.count + 1
      table.insert(value.all, value.last)
      if #value.all > MOST_VALUES then table.remove(value.all, 1) end
    end
    value.stream, value.open = stream, ending == ''
  end
end

---@param run belljar.Run
---@param text string
---@param stream 'stdout'|'stderr'
---@param most integer
local function add_below(run, text, stream, most)
  for line, ending in text:gmatch('([^\n]*)(\n?)') do
    if line == '' and ending == '' then break end
    local last = run.below[#run.below]
    if last and last.open and last.stream == stream then
      last.text = shortened(last.text .. line)
      last.open = ending == ''
    else
      run.n_below = run.n_below + 1
      table.insert(run.below, { text = shortened(line), stream = stream, open = ending == '' })
      if #run.below > most then table.remove(run.below, 1) end
    end
  end
end

---@param run belljar.Run
---@param pieces belljar.OutputPiece[]
local function add_output(run, pieces)
  local ui = require('belljar.ui')
  local most = math.max(require('belljar.config').get().max_lines, 0)
  local at_row = ui.values_by_row(run)
  for _, piece in ipairs(pieces) do
    local value
    if piece.line and vim.api.nvim_buf_is_loaded(run.buffer) then
      local row = ui.row_now(run, piece.line)
      value = at_row[row]
      if not value then
        value =
          { mark = ui.new_mark(run.buffer, row), last = '', all = {}, count = 0, stream = piece.stream, open = false }
        at_row[row] = value
        table.insert(run.values, value)
      end
    end
    if value then
      add_to_value(value, piece.text, piece.stream)
    else
      add_below(run, piece.text, piece.stream, most)
    end
  end
end

local on = {}

---@param run belljar.Run
---@param event belljar.Event
function on.queued(run, event) run.ahead = event.ahead end

---@param run belljar.Run
function on.started(run)
  run.state, run.started = 'running', vim.uv.now()
end

---@param run belljar.Run
---@param event belljar.Event
function on.output(run, event)
  run.omitted = run.omitted or event.omittedBytes > 0
  add_output(run, event.output)
end

---@param run belljar.Run
---@param event belljar.Event
function on.violation(run, event) table.insert(run.violations, event.violation) end

---@param run belljar.Run
---@param event belljar.Event
function on.ended(run, event)
  run.state, run.ending, run.summary, run.hint = 'ended', event.ending, event.summary, event.hint
  run.violations, run.posture, run.notes = event.violations, event.posture, event.notes
  if event.truncated then
    run.omitted = true
    -- What was told while it ran is nearer to its end than the start that comes with it.
    if run.n_below == 0 and #run.values == 0 then add_output(run, event.output) end
  else
    for _, value in ipairs(run.values) do
      value.last, value.all, value.count, value.open = '', {}, 0, false
    end
    run.below, run.n_below, run.omitted = {}, 0, false
    add_output(run, event.output)
  end
  if event.ending.kind == 'failed' then require('belljar.doctor').tell_why() end
end

---@param run belljar.Run
---@param event belljar.Event
function on.stale(run, event) run.stale = event.stale end

---@param run belljar.Run
local function forget(run)
  local _, at = find(run.client_id, run.id)
  if at then table.remove(runs, at) end
  require('belljar.ui').erase(run)
end

-- Takes over what the server tells.
---@param client_id integer
---@param event belljar.Event
function M.take(client_id, event)
  local run = find(client_id, event.run)
  if not run then
    local buffer = event.kind ~= 'cleared' and event.kind ~= 'stale' and client.buffer_of(event.uri)
    if not buffer then return end
    run = {
      id = event.run,
      client_id = client_id,
      buffer = buffer,
      uri = event.uri,
      name = event.name,
      policy = event.policy,
      what = event.what,
      version = event.version,
      first = event.lines[1],
      last = event.lines[2],
      state = 'waiting',
      ahead = 0,
      began = vim.uv.now(),
      values = {},
      below = {},
      n_below = 0,
      omitted = false,
      violations = {},
      stale = false,
    }
    table.insert(runs, run)
  end
  run.version, run.first, run.last = event.version, event.lines[1], event.lines[2]
  if event.kind == 'cleared' then
    forget(run)
  elseif on[event.kind] then
    require('belljar.ui').place(run)
    on[event.kind](run, event)
    require('belljar.ui').draw(run)
  end
  require('belljar.output').take(run, event)
  require('belljar.status').changed()
  vim.api.nvim_exec_autocmds(
    'User',
    { pattern = 'BelljarEvent', data = { run = run, event = event }, modeline = false }
  )
end

-- A server has gone, and with it everything that it ran.
---@param client_id integer
function M.server_gone(client_id)
  for _, run in ipairs(vim.list_slice(runs)) do
    if run.client_id == client_id then
      if M.is_live(run) then run.summary = nil end
      run.state = M.is_live(run) and 'lost' or run.state
      require('belljar.ui').draw(run)
    end
  end
  require('belljar.status').changed()
end

---@param run belljar.Run
---@return boolean
function M.is_live(run) return run.state == 'waiting' or run.state == 'running' end

-- The server that knows a run, if it still does.
---@param run belljar.Run
---@return boolean
function M.is_known(run) return vim.lsp.get_client_by_id(run.client_id) ~= nil and run.state ~= 'lost' end

-- Takes away what no server knows of any more.
---@param buffer? integer Only in this buffer.
function M.clear_lost(buffer)
  for _, run in ipairs(vim.list_slice(runs)) do
    if not M.is_known(run) and (not buffer or run.buffer == buffer) then forget(run) end
  end
end

-- All runs, the latest first.
---@param buffer? integer Only those of this buffer.
---@return belljar.Run[]
function M.all(buffer)
  local found = {}
  for i = #runs, 1, -1 do
    if not buffer or runs[i].buffer == buffer then table.insert(found, runs[i]) end
  end
  return found
end

-- The run that is meant by somebody whose cursor is at `row`: the latest one there, else the latest one of the buffer.
---@param buffer integer
---@param row integer
---@return belljar.Run?
function M.meant(buffer, row)
  local of_buffer = M.all(buffer)
  for _, run in ipairs(of_buffer) do
    local first, last = require('belljar.ui').rows(run)
    if first <= row and row <= last then return run end
  end
  return of_buffer[1]
end

return M
