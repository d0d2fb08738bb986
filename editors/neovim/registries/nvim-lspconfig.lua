-- The entry for nvim-lspconfig's lsp/belljar.lua: data only, as its contributing guide asks for. Not sent yet.

---@brief
---
--- Belljar runs the code under your cursor in an unprivileged Linux sandbox, and puts what it printed and each thing it was
--- refused on the source line that did it. Select lines, press `gra`, and pick "Run selection in sandbox".
---
--- Install it with `cargo install --path .` in a clone. `belljar doctor` says whether a sandbox can be made.
--- Its own plugin, with live output, is in `editors/neovim` of its repository.

---@type vim.lsp.Config
return {
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
}
