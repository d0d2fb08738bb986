-- Buffers that no file stands for: without a name, or for scratch. Neovim's own client leaves the latter out, calls each of
-- the others `file://`, and shows their diagnostics nowhere; so their text is told to the server from here, under a name of
-- their own, and their diagnostics are shown from here.
local M = {}

---@class belljar.Unnamed
---@field client_id integer
---@field uri string
---@field version integer
---@field pending boolean A change is about to be told.

---@type table<integer, belljar.Unnamed>
local told = {}
-- As long as Neovim's client waits with changes.
local CHANGES_AFTER_MS = 150

---@param buffer integer
local function text_of(buffer) return table.concat(vim.api.nvim_buf_get_lines(buffer, 0, -1, false), '\n') .. '\n' end

---@param buffer integer
local function tell_change(buffer)
  local document = told[buffer]
  local client = document and vim.lsp.get_client_by_id(document.client_id)
  if not client or document.version == vim.api.nvim_buf_get_changedtick(buffer) then return end
  document.version = vim.api.nvim_buf_get_changedtick(buffer)
  client:notify('textDocument/didChange', {
    textDocument = { uri = document.uri, version = document.version },
    contentChanges = { { text = text_of(buffer) } },
  })
end

---@param buffer integer
local function close(buffer)
  local document = told[buffer]
  told[buffer] = nil
  local client = document and vim.lsp.get_client_by_id(document.client_id)
  if not client then return end
  vim.diagnostic.reset(vim.lsp.diagnostic.get_namespace(client.id), buffer)
  client:notify('textDocument/didClose', { textDocument = { uri = document.uri } })
end

---@param buffer integer
local function follow(buffer)
  vim.api.nvim_buf_attach(buffer, false, {
    on_lines = function()
      local document = told[buffer]
      if not document then return true end
      if document.pending then return end
      document.pending = true
      vim.defer_fn(function()
        document.pending = false
        if told[buffer] == document and vim.api.nvim_buf_is_loaded(buffer) then tell_change(buffer) end
      end, CHANGES_AFTER_MS)
    end,
    on_detach = function() close(buffer) end,
  })
  -- With another name it may be a file, which Neovim's client tells of.
  vim.api.nvim_create_autocmd('BufFilePost', { buffer = buffer, once = true, callback = function() close(buffer) end })
end

-- Makes sure that `client` has the text of `buffer` as it is now; returns the document's name.
---@param client vim.lsp.Client
---@param buffer integer
---@return string
function M.tell(client, buffer)
  local document = told[buffer]
  if document and document.client_id == client.id then
    tell_change(buffer)
    return document.uri
  end
  local uri = ('untitled:Buffer-%d'):format(buffer)
  local version = vim.api.nvim_buf_get_changedtick(buffer)
  told[buffer] = { client_id = client.id, uri = uri, version = version, pending = false }
  client:notify('textDocument/didOpen', {
    textDocument = { uri = uri, languageId = vim.bo[buffer].filetype, version = version, text = text_of(buffer) },
  })
  follow(buffer)
  return uri
end

-- The version of the text that is in `buffer` now, if it is one of ours.
---@param buffer integer
---@return integer?
function M.version(buffer) return told[buffer] and vim.api.nvim_buf_get_changedtick(buffer) end

---@param uri string
---@return integer?
function M.buffer_of(uri)
  for buffer, document in pairs(told) do
    if document.uri == uri and vim.api.nvim_buf_is_loaded(buffer) then return buffer end
  end
end

---@param id integer
function M.server_gone(id)
  for buffer, document in pairs(told) do
    if document.client_id == id then
      told[buffer] = nil
      vim.diagnostic.reset(vim.lsp.diagnostic.get_namespace(id), buffer)
    end
  end
end

-- Shows the diagnostics of a document without a name; says whether it is one.
---@param result lsp.PublishDiagnosticsParams
---@param client_id integer
---@return boolean
function M.show_diagnostics(result, client_id)
  if not vim.startswith(result.uri, 'untitled:') then return false end
  local buffer = M.buffer_of(result.uri)
  local client = vim.lsp.get_client_by_id(client_id)
  if not buffer or not client then return true end
  local function column(position)
    local line = vim.api.nvim_buf_get_lines(buffer, position.line, position.line + 1, false)[1] or ''
    return vim.str_byteindex(line, client.offset_encoding, position.character, false)
  end
  local shown = vim.tbl_map(function(diagnostic)
    local first, last = diagnostic.range.start, diagnostic.range['end']
    return {
      lnum = first.line,
      col = column(first),
      end_lnum = last.line,
      end_col = column(last),
      severity = diagnostic.severity,
      message = diagnostic.message,
      source = diagnostic.source,
      code = diagnostic.code,
    }
  end, result.diagnostics)
  vim.diagnostic.set(vim.lsp.diagnostic.get_namespace(client_id), buffer, shown)
  return true
end

return M
