-- Belljar for Neovim's own language client (0.11 and newer): runs what you select in a sandbox.
--
-- This file alone is enough: copy it to ~/.config/nvim/lsp/ and say `vim.lsp.enable('belljar')` in init.lua. Then select
-- lines, press `gra`, and pick "Run selection in sandbox". `belljar` must be on your PATH.
-- With the whole plugin (this folder on 'runtimepath') results are drawn live beside the lines: `:help belljar`.

---@type vim.lsp.Config
local config = {
  cmd = { 'belljar', 'lsp' },
  filetypes = {
    'python',
    'javascript',
    'typescript',
    'sh',
    'bash',
    'c',
    'cpp',
    'rust',
    'go',
    'ruby',
    'perl',
    'php',
    'lua',
    'markdown',
    'org',
    'quarto',
    'rmd',
    'rst',
    'asciidoc',
    'lhaskell',
  },
  root_markers = { '.belljar.toml', '.git' },
  -- One server does for all projects: it finds the project of each file by itself.
  reuse_client = function(client, wanted) return client.name == wanted.name end,
}
local has_plugin, client = pcall(require, 'belljar.client')
return has_plugin and vim.tbl_extend('force', config, client.additions()) or config
