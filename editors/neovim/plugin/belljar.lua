-- What there is from the start: the command, the maps to bind keys to, and the server for files of known languages.
-- Everything else is loaded when it is used.
if vim.g.loaded_belljar then return end
vim.g.loaded_belljar = true

if vim.fn.has('nvim-0.11') == 0 then
  vim.api.nvim_echo({ { 'belljar: Neovim 0.11 or newer is needed', 'ErrorMsg' } }, true, {})
  return
end

vim.api.nvim_create_user_command('Belljar', function(options) require('belljar.command').run(options) end, {
  nargs = '*',
  range = true,
  bang = true,
  complete = function(...) return require('belljar.command').complete(...) end,
  desc = 'Run code in a sandbox',
})

local function map(mode, name, command, what)
  vim.keymap.set(mode, ('<Plug>(belljar-%s)'):format(name), command, { silent = true, desc = 'Belljar: ' .. what })
end
for _, part in ipairs({ 'line', 'function', 'cell', 'block', 'file' }) do
  map('n', 'run-' .. part, ('<Cmd>Belljar run %s<CR>'):format(part), 'run the ' .. part)
end
map('n', 'run-up-to', '<Cmd>Belljar run upTo<CR>', 'run the cell or block, after all earlier ones')
map('n', 'run', '<Cmd>Belljar run<CR>', 'run the file, or the block of a Markdown document')
-- Out of Visual mode first: while it lasts, Neovim holds back what a server asks or tells.
map('x', 'run', ':Belljar run selection<CR>', 'run the selected lines')
map('n', 'run-motion', "<Cmd>set operatorfunc=v:lua.require'belljar'.run_motion<CR>g@", 'run the lines of a motion')
for _, name in ipairs({ 'policy', 'input', 'args', 'stop', 'rerun', 'clear', 'output', 'values', 'allow', 'status' }) do
  map('n', name, ('<Cmd>Belljar %s<CR>'):format(name), name)
end
map('n', 'stop-all', '<Cmd>Belljar stop!<CR>', 'stop everything')
map('n', 'clear-all', '<Cmd>Belljar clear!<CR>', 'clear every buffer')
map('n', 'choose-output', '<Cmd>Belljar output!<CR>', 'choose a run and show its output')

local group = vim.api.nvim_create_augroup('belljar', {})
require('belljar.ui').define_highlights()
vim.api.nvim_create_autocmd('ColorScheme', {
  group = group,
  callback = function() require('belljar.ui').define_highlights() end,
})
vim.api.nvim_create_autocmd('LspAttach', {
  group = group,
  callback = function(event)
    local client = vim.lsp.get_client_by_id(event.data.client_id)
    if not client or client.name ~= 'belljar' then return end
    require('belljar.doctor').look_once()
    require('belljar.status').changed()
  end,
})
if require('belljar.config').get().enable then vim.lsp.enable('belljar') end
