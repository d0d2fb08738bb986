-- What the scenarios have in common: an environment as a user's, checks that are printed, waiting for what is to come, and
-- reading what stands in a buffer. Every wait has a deadline, and nothing waits for time to pass.
local M = {}

M.work = assert(vim.env.BELLJAR_WORK, 'BELLJAR_WORK')
M.editors = assert(vim.env.BELLJAR_EDITORS, 'BELLJAR_EDITORS')
local patience = tonumber(vim.env.BELLJAR_PATIENCE_MS or '60000')
local passed, failed = 0, 0

-- Prints one check of the scenario `id`.
function M.check(id, words, ok, seen)
  if ok then
    passed = passed + 1
  else
    failed = failed + 1
  end
  io.write(('%s - [%s] %s\n'):format(ok and 'ok' or 'not ok', id, words))
  if not ok and seen ~= nil then
    io.write('    seen: ' .. vim.inspect(type(seen) == 'function' and seen() or seen):gsub('\n', '\n    ') .. '\n')
  end
  return ok
end

function M.measured(words, milliseconds) io.write(('measured: %s %.0f ms\n'):format(words, milliseconds)) end

function M.wait_for(condition) return vim.wait(patience, condition, 5) end

-- Ends this Neovim, with its servers.
function M.finish()
  for _, client in ipairs(vim.lsp.get_clients()) do
    client:stop()
  end
  M.wait_for(function() return #vim.lsp.get_clients() == 0 end)
  io.write(('%d passed, %d failed\n'):format(passed, failed))
  os.exit(failed == 0 and 0 or 1)
end

-- What the plugin and Neovim said.
M.said = {}
vim.notify = function(message) table.insert(M.said, message) end
function M.was_said(pattern)
  for _, message in ipairs(M.said) do
    if message:find(pattern, 1, true) then return message end
  end
end

-- Answers menus and questions: the first function that returns something for what is asked.
M.answers = {}
M.asked = {}
vim.ui.select = function(items, options, choose)
  local titles = vim.tbl_map(options.format_item or tostring, items)
  table.insert(M.asked, { prompt = options.prompt, items = titles })
  for _, answer in ipairs(M.answers) do
    for i, title in ipairs(titles) do
      if answer(title, options.prompt) then return choose(items[i], i) end
    end
  end
  choose(nil)
end
function M.will_choose(pattern)
  M.answers = { function(title) return title:find(pattern, 1, true) ~= nil end }
end

-- `-l` starts like `-u NONE`: this does what a start with the plugin on 'runtimepath' does.
function M.use_plugin()
  vim.cmd('filetype plugin on')
  vim.opt.runtimepath:prepend(M.editors .. '/neovim')
  vim.cmd.runtime('plugin/belljar.lua')
end

function M.client(buffer) return vim.lsp.get_clients({ bufnr = buffer, name = 'belljar' })[1] end

-- Opens a file, and waits until the server has it.
function M.open(name)
  vim.cmd.edit({ args = { M.work .. '/' .. name }, magic = { file = false, bar = false } })
  local buffer = vim.api.nvim_get_current_buf()
  M.wait_for(function()
    local client = M.client(buffer)
    return client and client.initialized and client.attached_buffers[buffer]
  end)
  return buffer, M.client(buffer)
end

-- What somebody types in Normal mode.
function M.type(keys) vim.api.nvim_feedkeys(vim.keycode(keys), 'xt', false) end

function M.cursor(line) vim.api.nvim_win_set_cursor(0, { line, 0 }) end

local namespace = vim.api.nvim_create_namespace('belljar')

-- What the plugin draws: each `{ line (from 1), where, text, groups }`.
function M.drawn(buffer)
  local found = {}
  local function add(row, where, chunks)
    local text, groups = '', {}
    for _, chunk in ipairs(chunks) do
      text = text .. chunk[1]
      table.insert(groups, chunk[2])
    end
    table.insert(found, { line = row + 1, where = where, text = text, groups = groups })
  end
  for _, mark in ipairs(vim.api.nvim_buf_get_extmarks(buffer, namespace, 0, -1, { details = true })) do
    if not mark[4].invalid then
      if mark[4].virt_text then add(mark[2], 'behind', mark[4].virt_text) end
      for _, line in ipairs(mark[4].virt_lines or {}) do
        add(mark[2], 'below', line)
      end
    end
  end
  return found
end

-- The first of those that has `pattern`, at `line` if one is given.
function M.sees(buffer, pattern, line, where)
  for _, drawn in ipairs(M.drawn(buffer)) do
    if
      drawn.text:find(pattern, 1, true)
      and (not line or drawn.line == line)
      and (not where or drawn.where == where)
    then
      return drawn
    end
  end
end

-- Waits until the plugin draws `pattern`.
function M.comes(buffer, pattern, line, where)
  return M.wait_for(function() return M.sees(buffer, pattern, line, where) ~= nil end)
end

function M.diagnostics(buffer, pattern, code)
  return vim.tbl_filter(
    function(diagnostic)
      return diagnostic.source == 'belljar'
        and diagnostic.message:find(pattern, 1, true) ~= nil
        and (not code or diagnostic.code == code)
    end,
    vim.diagnostic.get(buffer)
  )
end

-- Waits until the first of those stands on `line`.
function M.is_told_on(line, buffer, pattern, code)
  return M.wait_for(function()
    local found = M.diagnostics(buffer, pattern, code)[1]
    return found and found.lnum == line - 1
  end)
end

-- The runs of a buffer, the latest first; and whether that many are over.
function M.runs(buffer) return require('belljar.runs').all(buffer) end
function M.are_over(buffer, n)
  return M.wait_for(function()
    local all = M.runs(buffer)
    return #all >= n and vim.iter(all):all(function(run) return run.state == 'ended' end)
  end)
end

-- Does what starts a run in `buffer`, and waits until that run is over.
function M.run(buffer, command)
  local before = M.runs(buffer)[1]
  vim.cmd(command)
  return M.wait_for(function()
    local latest = M.runs(buffer)[1]
    return latest and (not before or latest.id ~= before.id) and latest.state == 'ended'
  end)
end

-- Takes everything away from `buffer`, which has to be the current one.
function M.clear(buffer)
  M.are_over(buffer, 0)
  vim.cmd('Belljar clear')
  return M.wait_for(function() return #M.runs(buffer) == 0 end)
end

-- Everything about a buffer, for a check that fails.
function M.all_of(buffer)
  return function()
    return {
      drawn = vim.tbl_map(function(d) return ('%d %s: %s'):format(d.line, d.where, d.text) end, M.drawn(buffer)),
      diagnostics = vim.tbl_map(
        function(d) return ('%d: %s'):format(d.lnum + 1, d.message) end,
        vim.diagnostic.get(buffer)
      ),
      said = M.said,
      asked = M.asked,
    }
  end
end

return M
