-- Belljar for Neovim's own language client (0.11 and newer): runs what you select in a sandbox.
--
-- Put this folder (`editors/neovim`) on 'runtimepath', or copy this file to ~/.config/nvim/lsp/, and say in init.lua:
--   vim.lsp.enable('belljar')
-- Then select lines, press `gra`, and pick "Run selection in sandbox". `belljar` must be on your PATH.
return {
  cmd = { 'belljar', 'lsp' },
  filetypes = {
    'python', 'javascript', 'typescript', 'sh', 'bash', 'c', 'cpp', 'rust', 'go', 'ruby', 'perl', 'php', 'lua', 'markdown',
  },
  root_markers = { '.belljar.toml', '.git' },
}
