-- Draws runs in their buffers: a value behind the line that printed it, everything else below the last line that ran.
-- Extmarks move with the text, and go when their line is deleted. Texts of programs are only ever drawn as plain text.
local client = require('belljar.client')
local config = require('belljar.config')

local M = {}

local namespace = vim.api.nvim_create_namespace('belljar')

-- Highlight groups, each with what it looks like unless the colour scheme or the user says otherwise.
M.highlights = {
  BelljarValue = 'DiagnosticHint',
  BelljarOutput = 'Comment',
  BelljarStderr = 'DiagnosticWarn',
  BelljarRunning = 'DiagnosticInfo',
  BelljarOk = 'DiagnosticOk',
  BelljarFailed = 'DiagnosticError',
  BelljarBlocked = 'DiagnosticWarn',
  BelljarStale = 'NonText',
}

-- Also after a change of the colour scheme.
function M.define_highlights()
  for group, link in pairs(M.highlights) do
    vim.api.nvim_set_hl(0, group, { link = link, default = true })
  end
end

-- Characters that nobody sees, or that change how others are seen, as the bytes they have in UTF-8.
local UNSEEN = {
  '%c',
  '\216\156', -- U+061C
  '\226\128[\139-\143\168-\174]', -- U+200B-200F, U+2028-202E
  '\226\129[\160-\169]', -- U+2060-2069
  '\239\187\191', -- U+FEFF
  '\243\160[\128\129][\128-\191]', -- the tags U+E0000-E007F
}

-- The server has made texts harmless already. Whatever could move the cursor, turn the writing around or hide is taken
-- out once more, so that a defect there is none here.
---@param text string
---@return string
function M.plain(text)
  text = text:gsub('\t', '    ')
  for _, pattern in ipairs(UNSEEN) do
    text = text:gsub(pattern, '�')
  end
  return text
end

---@param run belljar.Run
local function is_drawable(run) return vim.api.nvim_buf_is_loaded(run.buffer) end

-- Where a mark is; nowhere if its line was deleted. That shows in its range, which is nothing then: the flag `invalid`
-- stays in Neovim 0.11 when an undo has brought the line back.
---@param buffer integer
---@param mark? integer
---@return integer? row
local function row_of(buffer, mark)
  if not mark then return nil end
  local place = vim.api.nvim_buf_get_extmark_by_id(buffer, namespace, mark, { details = true })
  return place[1] and place[3].end_row > place[1] and place[1] or nil
end

---@param buffer integer
---@param row integer
---@param options? vim.api.keyset.set_extmark
---@return integer
local function set_mark(buffer, row, options)
  local last = vim.api.nvim_buf_line_count(buffer) - 1
  row = math.max(math.min(row, last), 0)
  options = options or {}
  -- Over the whole line and its end, so that the mark goes with the line, and comes back when that does.
  options.end_row, options.end_col = row + 1, 0
  options.invalidate, options.strict = true, false
  return vim.api.nvim_buf_set_extmark(buffer, namespace, row, 0, options)
end

-- Leaves a mark whose line was deleted, for an undo to find, and shows nothing of it.
---@param buffer integer
---@param mark integer
local function hide(buffer, mark)
  local row = vim.api.nvim_buf_get_extmark_by_id(buffer, namespace, mark, {})[1]
  if not row then return end
  vim.api.nvim_buf_set_extmark(buffer, namespace, row, 0, { id = mark, end_row = row, end_col = 0, strict = false })
end

-- A mark that shows nothing yet.
---@param buffer integer
---@param row integer
---@return integer
function M.new_mark(buffer, row) return set_mark(buffer, row) end

-- Where a line of the server's text is in the buffer's text, which may have gone on since.
---@param run belljar.Run
---@param line integer
---@return integer row
function M.row_now(run, line)
  if not is_drawable(run) or client.version(run.buffer) == run.version then return line end
  local first = row_of(run.buffer, run.anchor)
  return first and first + line - run.first or line
end

-- The first and the last row of a run, as its buffer is now.
---@param run belljar.Run
---@return integer, integer
function M.rows(run)
  if not is_drawable(run) then return run.first, run.last end
  return row_of(run.buffer, run.anchor) or run.first, row_of(run.buffer, run.block) or run.last
end

---@param run belljar.Run
---@return table<integer, belljar.Value>
function M.values_by_row(run)
  local at_row = {}
  for _, value in ipairs(is_drawable(run) and run.values or {}) do
    local row = row_of(run.buffer, value.mark)
    if row then at_row[row] = value end
  end
  return at_row
end

-- Puts the marks of the first and the last line where the server says they are, if that is about the text that is there.
---@param run belljar.Run
function M.place(run)
  if not is_drawable(run) then return end
  if run.anchor and client.version(run.buffer) ~= run.version then return end
  run.anchor = set_mark(run.buffer, run.first, { id = run.anchor })
  run.block = set_mark(run.buffer, run.last, { id = run.block })
end

---@param milliseconds number
---@return string
function M.duration(milliseconds)
  local seconds = milliseconds / 1000
  if seconds < 10 then return ('%.1f s'):format(seconds) end
  if seconds < 60 then return ('%d s'):format(seconds) end
  return ('%d min %02d s'):format(seconds / 60, seconds % 60)
end

---@param run belljar.Run
---@param group string
local function group_of(run, group) return run.stale and 'BelljarStale' or group end

-- One line on how it stands with a run.
---@param run belljar.Run
---@return [string, string][]
local function headline(run)
  local symbols = config.get().symbols
  local text, group
  if run.state == 'waiting' then
    text = symbols.waiting .. (run.ahead > 0 and (' waiting for %d'):format(run.ahead) or ' waiting')
    group = 'BelljarRunning'
  elseif run.state == 'running' then
    text, group = ('%s running %s'):format(symbols.running, M.duration(vim.uv.now() - run.started)), 'BelljarRunning'
  elseif run.state == 'lost' then
    text, group = symbols.lost .. ' lost: the server ended', 'BelljarFailed'
  else
    text = run.summary or ''
    local is_well = run.ending.kind == 'exited' and run.ending.code == 0
    group = not is_well and 'BelljarFailed' or #run.violations > 0 and 'BelljarBlocked' or 'BelljarOk'
  end
  local chunks =
    { { M.plain(text), group_of(run, group) }, { ' · ' .. M.plain(run.policy), group_of(run, 'BelljarOutput') } }
  if run.posture and not run.posture.full then
    table.insert(chunks, { ' · ' .. M.plain(run.posture.summary), group_of(run, 'BelljarBlocked') })
  end
  if run.stale then table.insert(chunks, { ' · the text has changed since', 'BelljarStale' }) end
  return chunks
end

---@param run belljar.Run
---@return [string, string][][]
local function lines_below(run)
  local lines = { headline(run) }
  local function add(text, group) table.insert(lines, { { '  ' .. M.plain(text), group_of(run, group) } }) end
  local hidden = run.n_below - #run.below
  if hidden > 0 then
    add(('… %d more before; `:Belljar output` shows all'):format(hidden), 'BelljarOutput')
  elseif run.omitted then
    add('… not all; `:Belljar output` shows more', 'BelljarOutput')
  end
  for _, line in ipairs(run.below) do
    add(line.text, line.stream == 'stderr' and 'BelljarStderr' or 'BelljarOutput')
  end
  for _, note in ipairs(run.notes or {}) do
    add(note, 'BelljarOutput')
  end
  if run.ending then
    for _, said in ipairs({ run.ending.reason or '', run.hint or '' }) do
      for line in vim.gsplit(said, '\n', { trimempty = true }) do
        add(line, 'BelljarBlocked')
      end
    end
  end
  return lines
end

---@param run belljar.Run
---@param value belljar.Value
local function draw_value(run, value)
  if value.count == 0 then return vim.api.nvim_buf_del_extmark(run.buffer, namespace, value.mark) end
  local row = row_of(run.buffer, value.mark)
  if not row then return hide(run.buffer, value.mark) end
  local settings = config.get()
  local text = M.plain(value.last)
  if vim.fn.strchars(text) > settings.max_width then text = vim.fn.strcharpart(text, 0, settings.max_width) .. '…' end
  local chunks = {
    { ' ' .. settings.symbols.value .. ' ', group_of(run, 'BelljarOutput') },
    { text, group_of(run, value.stream == 'stderr' and 'BelljarStderr' or 'BelljarValue') },
  }
  if value.count > 1 then
    -- Of an endless printer not every line is told.
    local count = ('  ×%d%s'):format(value.count, run.omitted and '+' or '')
    table.insert(chunks, { count, group_of(run, 'BelljarOutput') })
  end
  set_mark(run.buffer, row, { id = value.mark, virt_text = chunks, virt_text_pos = 'eol', hl_mode = 'combine' })
end

---@param run belljar.Run
local function draw_below(run)
  local row = row_of(run.buffer, run.block)
  if row then set_mark(run.buffer, row, { id = run.block, virt_lines = lines_below(run) }) end
end

-- Draws everything of a run.
---@param run belljar.Run
function M.draw(run)
  if not is_drawable(run) then return end
  for _, value in ipairs(run.values) do
    draw_value(run, value)
  end
  run.values = vim.tbl_filter(function(value) return value.count > 0 end, run.values)
  draw_below(run)
end

-- Draws what changes by itself: how long it has been running.
---@param run belljar.Run
function M.tick(run)
  if is_drawable(run) then draw_below(run) end
end

---@param run belljar.Run
function M.erase(run)
  if not vim.api.nvim_buf_is_valid(run.buffer) then return end
  for _, value in ipairs(run.values) do
    vim.api.nvim_buf_del_extmark(run.buffer, namespace, value.mark)
  end
  for _, mark in ipairs({ run.anchor, run.block }) do
    vim.api.nvim_buf_del_extmark(run.buffer, namespace, mark)
  end
end

return M
