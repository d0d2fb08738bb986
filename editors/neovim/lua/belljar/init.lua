-- Runs code in a sandbox and shows in the buffer what it printed and what it was refused. This is what a configuration
-- may call; nothing has to be called.
local M = {}

-- Options, see |belljar-options|. Without it everything has its default.
---@param options? belljar.Config
function M.setup(options) require('belljar.config').set(options) end

-- A short text for a statusline: what runs and how long, the policy, how strong the sandbox is.
---@return string
function M.status() return require('belljar.status').text() end

-- The same as a table.
---@return belljar.State
function M.state() return require('belljar.status').state() end

-- Runs a part of the current buffer.
---@param wanted? belljar.Wanted
function M.run(wanted) require('belljar.act').run(wanted) end

-- For 'operatorfunc': runs the lines of a motion.
function M.run_motion() M.run({ what = 'selection', first = vim.fn.line("'["), last = vim.fn.line("']") }) end

return M
