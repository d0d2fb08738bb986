-- What the user prefers: `vim.g.belljar`, a table, or `require('belljar').setup()`. Everything has a default, and nothing
-- here decides what a run may do; policies do.
local M = {}

---@type belljar.Config
local defaults = {
  enable = true,
  max_lines = 10,
  max_width = 120,
  symbols = { value = '=', waiting = '…', running = '●', lost = '✗' },
}

---@param options belljar.Config
local function check(options)
  vim.validate('enable', options.enable, 'boolean')
  vim.validate('max_lines', options.max_lines, 'number')
  vim.validate('max_width', options.max_width, 'number')
  vim.validate('symbols', options.symbols, 'table')
  for name in pairs(options) do
    if defaults[name] == nil then error(('belljar has no option `%s`'):format(name), 0) end
  end
end

---@type belljar.Config?
local checked, checked_from

-- What is in force now.
---@return belljar.Config
function M.get()
  local chosen = vim.g.belljar
  if not checked or not vim.deep_equal(chosen, checked_from) then
    local merged = vim.tbl_deep_extend('force', defaults, type(chosen) == 'table' and chosen or {})
    local ok, why = pcall(check, merged)
    if not ok then
      vim.notify(('belljar: vim.g.belljar is not used: %s'):format(why), vim.log.levels.ERROR)
      merged = defaults
    end
    checked, checked_from = merged, chosen
  end
  return checked
end

-- Stores options; those that are wrong are an error here, at the line of the user's configuration.
---@param options belljar.Config?
function M.set(options)
  vim.validate('options', options, 'table', true)
  local merged = vim.tbl_deep_extend('force', defaults, options or {})
  check(merged)
  vim.g.belljar = merged
end

return M
