-- The one command, `:Belljar`: its subcommands and what completes them.
local M = {}

local PARTS = { 'block', 'cell', 'file', 'function', 'line', 'selection', 'upTo' }

-- Names of policies, as the server knew them when it was last asked.
---@type string[]
local policies = { 'default', 'strict', 'build' }

---@return string[]
local function policy_names()
  local server = require('belljar.client').running()
  local answer = server
    and server:request_sync('workspace/executeCommand', { command = 'belljar.policies', arguments = {} }, 500)
  if answer and answer.result then
    policies = vim.tbl_map(function(policy) return policy.name end, answer.result.policies)
  end
  return policies
end

---@class belljar.Subcommand
---@field run fun(words: string[], options: vim.api.keyset.create_user_command.command_args, bang: boolean)
---@field complete? fun(n: integer): string[] What may stand as the `n`th word behind it.

local function act() return require('belljar.act') end
local function given() return require('belljar.given') end

-- What was typed behind the subcommand, as it was typed.
---@param options vim.api.keyset.create_user_command.command_args
---@return string?
local function rest(options)
  local text = options.args:match('^%S+%s+(.*)$')
  return text ~= '' and text or nil
end

---@type table<string, belljar.Subcommand>
local subcommands = {
  run = {
    run = function(words, options)
      local what = words[1]
      if what and not vim.tbl_contains(PARTS, what) then
        return require('belljar.client').say(
          ('`%s` cannot be run: it is %s.'):format(what, table.concat(PARTS, ', ')),
          vim.log.levels.WARN
        )
      end
      local has_range = options.range > 0
      act().run({
        what = what or (has_range and 'selection' or nil),
        first = (has_range or what == 'selection') and options.line1 or nil,
        last = (has_range or what == 'selection') and options.line2 or nil,
        policy = words[2],
      })
    end,
    complete = function(n) return n == 1 and PARTS or n == 2 and policy_names() or {} end,
  },
  policy = {
    run = function(words) act().policy(words[1]) end,
    complete = function(n) return n == 1 and policy_names() or {} end,
  },
  input = {
    run = function(_, options)
      if options.range == 0 then return given().input(rest(options) and rest(options) .. '\n') end
      local lines = vim.api.nvim_buf_get_lines(0, options.line1 - 1, options.line2, false)
      given().input(table.concat(lines, '\n') .. '\n')
    end,
  },
  args = { run = function(_, options) given().arguments(rest(options)) end },
  stop = { run = function(_, _, bang) act().stop(bang) end },
  rerun = { run = function() act().rerun() end },
  clear = { run = function(_, _, bang) act().clear(bang) end },
  output = { run = function(_, options, bang) act().output(bang, options.smods) end },
  values = { run = function() act().values() end },
  allow = { run = function() act().allow() end },
  status = { run = function() act().status() end },
  doctor = { run = function() vim.cmd.checkhealth('belljar') end },
  log = { run = function() act().log() end },
}

-- Does what was typed. `:Belljar clear!` and `:Belljar! clear` are the same.
---@param options vim.api.keyset.create_user_command.command_args
function M.run(options)
  local words = vim.list_slice(options.fargs, 2)
  local name, bang = (options.fargs[1] or 'run'):match('^([^!]*)(!?)$')
  local subcommand = subcommands[name]
  if not subcommand then
    local names = vim.tbl_keys(subcommands)
    table.sort(names)
    return require('belljar.client').say(
      ('there is no `%s`. There is: %s.'):format(options.fargs[1], table.concat(names, ', ')),
      vim.log.levels.WARN
    )
  end
  subcommand.run(words, options, options.bang or bang == '!')
end

---@param typed string The word so far.
---@param line string The whole command line.
---@return string[]
function M.complete(typed, line)
  local words = vim.split(line:match('Belljar!?%s+(.*)$') or '', '%s+')
  local choices
  if #words <= 1 then
    choices = vim.tbl_keys(subcommands)
    vim.list_extend(choices, { 'clear!', 'output!', 'stop!' })
  else
    local subcommand = subcommands[words[1]]
    choices = subcommand and subcommand.complete and subcommand.complete(#words - 1) or {}
  end
  choices = vim.tbl_filter(function(choice) return vim.startswith(choice, typed) end, choices)
  table.sort(choices)
  return choices
end

return M
