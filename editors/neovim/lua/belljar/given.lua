-- What the programs of a buffer are given: arguments and standard input, from when the user says so until they say otherwise.
local client = require('belljar.client')

local M = {}

---@class belljar.Given
---@field arguments? string[]
---@field stdin? string

---@type table<integer, belljar.Given>
local given = {}

---@param buffer integer
---@return belljar.Given
function M.to(buffer)
  given[buffer] = given[buffer] or {}
  return given[buffer]
end

-- The same in words; empty if it is nothing.
---@param buffer integer
---@return string
function M.describe(buffer)
  local now, words = M.to(buffer), {}
  if now.arguments then table.insert(words, ('arguments: %s'):format(table.concat(now.arguments, ' '))) end
  if now.stdin then table.insert(words, ('standard input: %d bytes'):format(#now.stdin)) end
  return table.concat(words, ', ')
end

-- Words as a shell reads them: blanks part them, quotes and backslashes keep them together.
---@param text string
---@return string[]? words Nothing if a quote is left open.
function M.split_words(text)
  local words, word, quote = {}, nil, nil
  local i = 1
  while i <= #text do
    local c = text:sub(i, i)
    if c == '\\' and quote ~= "'" then
      i = i + 1
      word = (word or '') .. text:sub(i, i)
    elseif quote then
      if c == quote then
        quote = nil
      else
        word = word .. c
      end
    elseif c == '"' or c == "'" then
      quote, word = c, word or ''
    elseif c:match('%s') then
      if word then table.insert(words, word) end
      word = nil
    else
      word = (word or '') .. c
    end
    i = i + 1
  end
  if quote then return nil end
  if word then table.insert(words, word) end
  return words
end

-- Gives the programs of this buffer arguments from now on.
---@param text? string As one would type them in a shell; asks if there is none. Empty: no more.
function M.arguments(text)
  local buffer = vim.api.nvim_get_current_buf()
  local now = M.to(buffer)
  local function set(answer)
    if not answer then return end
    local words = M.split_words(answer)
    if not words then
      return client.say('a quote is not closed; the arguments are as they were.', vim.log.levels.WARN)
    end
    now.arguments = #words > 0 and words or nil
    client.say(
      now.arguments and ('programs of this buffer get %d arguments.'):format(#words) or 'no arguments any more.'
    )
  end
  if text then return set(text) end
  local quoted = vim.tbl_map(
    function(word) return word:match('^[%w%-_./=:,]+$') and word or ("'%s'"):format((word:gsub("'", "'\\''"))) end,
    now.arguments or {}
  )
  vim.ui.input({ prompt = 'Arguments: ', default = table.concat(quoted, ' ') }, set)
end

-- Whether it is UTF-8: anything else cannot be sent to the server.
---@param text string
---@return boolean
local function is_text(text)
  local more = '[\128-\191]'
  local rest = text:gsub('[\194-\223]' .. more, '.')
  rest = rest:gsub('[\224-\239]' .. more .. more, '.'):gsub('[\240-\244]' .. more .. more .. more, '.')
  return not rest:find('[\128-\255]')
end

-- Gives the programs of this buffer standard input from now on.
---@param text? string Asks if there is none; there `\n` is a line end and `@FILE` what a file holds. Empty: no more.
function M.input(text)
  local now = M.to(vim.api.nvim_get_current_buf())
  local function set(stdin)
    now.stdin = stdin ~= '' and stdin or nil
    client.say(now.stdin and ('programs of this buffer read %d bytes.'):format(#stdin) or 'no standard input any more.')
  end
  if text then return set(text) end
  vim.ui.input({ prompt = 'Standard input (\\n is a line end, @FILE a file): ' }, function(answer)
    if not answer then return end
    local path = answer:match('^@(.+)')
    if not path then return set(answer ~= '' and answer:gsub('\\n', '\n') .. '\n' or '') end
    local file, problem = io.open(vim.fs.normalize(path), 'rb')
    local held
    if file then
      held, problem = file:read('*a')
      file:close()
    end
    if not held then return client.say(problem or path, vim.log.levels.WARN) end
    if not is_text(held) then return client.say(path .. ' holds no UTF-8 text.', vim.log.levels.WARN) end
    set(held)
  end)
end

return M
