-- The full output of a run in a buffer of its own: as much as there is, and then live.
local client = require('belljar.client')

local M = {}

-- A live tail keeps so many lines; at its end the run is shown whole again.
local MOST_LINES = 10000

---@class belljar.Tail
---@field buffer integer
---@field live boolean

---@type table<string, belljar.Tail>
local tails = {}

---@param run belljar.Run
local function key(run) return ('%d:%s'):format(run.client_id, run.id) end

---@param text string
---@return string[]
local function lines_of(text) return vim.tbl_map(require('belljar.ui').plain, vim.split(text, '\n', { plain = true })) end

-- Changes a buffer that the user cannot change; windows whose cursor is on the last line stay on the last line.
---@param buffer integer
---@param edit fun()
local function change(buffer, edit)
  local followers = vim.tbl_filter(
    function(window) return vim.api.nvim_win_get_cursor(window)[1] == vim.api.nvim_buf_line_count(buffer) end,
    vim.fn.win_findbuf(buffer)
  )
  vim.bo[buffer].modifiable = true
  edit()
  vim.bo[buffer].modifiable, vim.bo[buffer].modified = false, false
  for _, window in ipairs(followers) do
    vim.api.nvim_win_set_cursor(window, { vim.api.nvim_buf_line_count(buffer), 0 })
  end
end

---@param buffer integer
---@param text string
local function append(buffer, text)
  change(buffer, function()
    local lines = lines_of(text)
    -- The buffer's last line is the start of what comes now: empty after a line end.
    local last = vim.api.nvim_buf_get_lines(buffer, -2, -1, false)[1] or ''
    lines[1] = last .. lines[1]
    vim.api.nvim_buf_set_lines(buffer, -2, -1, false, lines)
    local too_many = vim.api.nvim_buf_line_count(buffer) - MOST_LINES
    if too_many > 0 then vim.api.nvim_buf_set_lines(buffer, 0, too_many, false, {}) end
  end)
end

---@param title string
---@return integer
local function new_buffer(title)
  local buffer = vim.api.nvim_create_buf(false, true)
  vim.bo[buffer].bufhidden, vim.bo[buffer].modifiable, vim.bo[buffer].undolevels = 'wipe', false, -1
  vim.bo[buffer].filetype = 'belljar-output'
  vim.keymap.set('n', 'q', '<Cmd>close<CR>', { buffer = buffer, nowait = true, desc = 'Close' })
  -- Two runs may have the same title; then the number of the buffer is added.
  local name = 'belljar://' .. title:gsub('%c', '')
  if vim.fn.bufexists(name) == 1 then name = ('%s (%d)'):format(name, buffer) end
  vim.api.nvim_buf_set_name(buffer, name)
  return buffer
end

---@param run belljar.Run
---@param on_result fun(transcript: belljar.Transcript)
local function ask(run, on_result)
  local server = vim.lsp.get_client_by_id(run.client_id)
  if not server then return client.say('the server that knew this run has ended.', vim.log.levels.WARN) end
  server:request('belljar/output', { run = run.id }, function(problem, transcript)
    if problem then return client.say(problem.message, vim.log.levels.WARN) end
    on_result(transcript)
  end, run.buffer)
end

---@param run belljar.Run
---@param tail belljar.Tail
local function fill(run, tail)
  ask(run, function(transcript)
    if not vim.api.nvim_buf_is_valid(tail.buffer) then return end
    tail.live = not transcript.done
    change(tail.buffer, function() vim.api.nvim_buf_set_lines(tail.buffer, 0, -1, false, lines_of(transcript.text)) end)
  end)
end

-- Shows everything that a run printed, below the current window or as `modifiers` say.
---@param run belljar.Run
---@param modifiers? vim.api.keyset.parse_cmd.mods
function M.open(run, modifiers)
  local tail = tails[key(run)]
  if tail and vim.api.nvim_buf_is_valid(tail.buffer) then
    local window = vim.fn.win_findbuf(tail.buffer)[1]
    if window then return vim.api.nvim_set_current_win(window) end
  end
  tail = { buffer = new_buffer(('%s %s'):format(require('belljar.status').short_name(run), run.id)), live = false }
  tails[key(run)] = tail
  vim.cmd.sbuffer({ tail.buffer, mods = modifiers or {} })
  vim.wo[0][0].wrap, vim.wo[0][0].number, vim.wo[0][0].relativenumber = false, false, false
  fill(run, tail)
end

-- Goes on with the live tail of a run, if it is open.
---@param run belljar.Run
---@param event belljar.Event
function M.take(run, event)
  local tail = tails[key(run)]
  if not tail then return end
  if not vim.api.nvim_buf_is_valid(tail.buffer) or event.kind == 'cleared' then
    tails[key(run)] = nil
  elseif event.kind == 'output' and tail.live then
    append(tail.buffer, table.concat(vim.tbl_map(function(piece) return piece.text end, event.output)))
    if event.omittedBytes > 0 then
      append(tail.buffer, ('\n… %d bytes left out while live\n'):format(event.omittedBytes))
    end
  elseif event.kind == 'ended' then
    fill(run, tail)
  end
end

return M
