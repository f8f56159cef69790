"""What the outbox in Redis is made of: its keys, and what each of its scripts may do to them.

Knows keys and commands. An event stays in its pixel's stream, under the number it came with, until
it is delivered or dead: a sender's claim is the group's pending entry, a retry a note beside it.
"""

from __future__ import annotations

from typing import Final

from pixelpair.delivery.ledger import PURCHASE
from pixelpair.delivery.outbox import (
    REMEMBER,
    REMEMBER_LASTING,
    REMEMBER_WITHDRAWAL,
    WITHDRAWALS,
)

GROUP: Final = "senders"
# How long an event's identity and its visitor are as they stand in its head: identity, "l" if it is
# kept for days or else "s", visitor, time, a space, name.
IDENTITY: Final = 14
VISITOR: Final = 12
NOBODY: Final = b"\0" * VISITOR
# Of a journal that nobody reads any more, in seconds: no event in it would be young enough.
KEEP_OFFSET: Final = 30 * 86400

# Keys, each behind the prefix:
#   lanes               set of the pixels that events wait for
#   queue:PIXEL         stream of what waits: number-0 -> h (head), r (record)
#   ready:PIXEL         what was given back, by number
#   later:PIXEL         what was retried, by the time when it is due
#   tries:PIXEL         number -> counted tries
#   known               identity -> "q" + number while it waits, then until when it is remembered
#   fading              identities in a row, by the time from which they may be forgotten
#   of:VISITOR          what waits of a visitor: numbers, and "d" + number for a dead letter
#   ended, ended:until  visitor -> time of the withdrawal, and until when it is remembered
#   dead, dead:NUMBER   dead letters by number, and each of them
#   buried              identity -> its dead letter
#   read:SPOOL          journal -> offset
#   number, count       the last number given; how many were delivered, withdrawn
#   sent                pixel, NUL, name -> how many were delivered
#   trouble             pixel -> why its events do not leave
#   bought:PIXEL        the ledger: identity -> state, a space, what is known of the Purchase
#   bought              identity and pixel of each of those, by the time when it is forgotten
#   buyers              set of the pixels that have a ledger; count has since when there is one
_CONSTANTS: Final = f"""
local G, IDENTITY, VISITOR = '{GROUP}', {IDENTITY}, {VISITOR}
local REMEMBER, REMEMBER_LASTING = {REMEMBER:.0f}, {REMEMBER_LASTING:.0f}
local REMEMBER_WITHDRAWAL, WITHDRAWALS = {REMEMBER_WITHDRAWAL:.0f}, {WITHDRAWALS}
local KEEP_OFFSET, PURCHASE = {KEEP_OFFSET}, '{PURCHASE}'
"""
COMMON: Final = (
    _CONSTANTS
    + """
local p, call, PART, NOBODY = KEYS[1], redis.call, 1000, string.rep('\\0', VISITOR)

local function parts(command, key, list, group)
  for first = 1, #list, PART do
    local last = math.min(first + PART - 1, #list)
    if group then call(command, key, group, unpack(list, first, last))
    else call(command, key, unpack(list, first, last)) end
  end
end

-- A script that takes in a thousand asks for a thousand numbers; those that it does not need are
-- nobody's.
local free, least = 0, 0
local function reserve(count)
  if count > 0 then free, least = count, call('INCRBY', p .. 'number', count) - count + 1 end
end
local function number()
  if free == 0 then reserve(1) end
  free, least = free - 1, least + 1
  return least - 1
end
local function visitor(head) return head:sub(IDENTITY + 2, IDENTITY + 1 + VISITOR) end
local function made(head) return tonumber(head:match('^-?%d+', IDENTITY + 2 + VISITOR)) end
local function name(head) return head:match('^-?%d+ (.*)$', IDENTITY + 2 + VISITOR) end

-- Who is known, and until when.
local function waits(word) return word:sub(1, 1) == 'q' end
-- What is known of those that were looked up together, and what is to be told together.
local fading, met, queued = {}, {}, {}
local function look_up(identities)
  for first = 1, #identities, PART do
    local last = math.min(first + PART - 1, #identities)
    local words = call('HMGET', p .. 'known', unpack(identities, first, last))
    for i, word in ipairs(words) do met[identities[first + i - 1]] = word end
  end
end
local function known(head, now)
  local who = head:sub(1, IDENTITY)
  local word = met[who]
  if word == nil then word = call('HGET', p .. 'known', who) end
  return word and (waits(word) or tonumber(word) > now)
end
-- In whole seconds: written as short as can be, and by one format for a thousand.
local function till_when(kept, now)
  return math.ceil(now + (kept == 'l' and REMEMBER_LASTING or REMEMBER))
end
local function remember(head, now, past)
  local who, till = head:sub(1, IDENTITY), till_when(head:sub(IDENTITY + 1, IDENTITY + 1), now)
  local word = past and call('HGET', p .. 'known', who)
  if word and (waits(word) or tonumber(word) > till) then return end
  call('HSET', p .. 'known', who, till)
  met[who] = tostring(till)
  fading[till] = fading[till] or {}
  table.insert(fading[till], who)
end
local function fade()
  parts('HSET', p .. 'known', queued)
  for till, list in pairs(fading) do
    for first = 1, #list, PART do
      local last = math.min(first + PART - 1, #list)
      call('ZADD', p .. 'fading', till, table.concat(list, '', first, last))
    end
  end
end

-- What waits.
local function entry(lane, n)
  local found = call('XRANGE', p .. 'queue:' .. lane, n .. '-0', n .. '-0')[1]
  if found then return found[2][2], found[2][4] end
end
local function give_back(lane, numbers)
  parts('XACK', p .. 'queue:' .. lane, numbers, G)
  for _, n in ipairs(numbers) do call('ZADD', p .. 'ready:' .. lane, n, n) end
end
local function drop(lane, numbers)
  local queue = p .. 'queue:' .. lane
  -- Redis reads the ID "7" as "7-0".
  parts('XACK', queue, numbers, G)
  parts('XDEL', queue, numbers)
  for beside, command in pairs({ready = 'ZREM', later = 'ZREM', tries = 'HDEL'}) do
    local key = p .. beside .. ':' .. lane
    if call('EXISTS', key) == 1 then parts(command, key, numbers) end
  end
  if call('XLEN', queue) == 0 then
    call('DEL', queue, p .. 'ready:' .. lane, p .. 'later:' .. lane, p .. 'tries:' .. lane)
    call('SREM', p .. 'lanes', lane)
  end
end
local function unlist(head, member)
  if visitor(head) ~= NOBODY then call('SREM', p .. 'of:' .. visitor(head), member) end
end
local function list(head, member)
  if visitor(head) ~= NOBODY then call('SADD', p .. 'of:' .. visitor(head), member) end
end

-- Dead letters.
local function unbury(key)
  local found = call('HMGET', p .. 'dead:' .. key, 'h', 'p', 'r', 'f')
  if not found[1] then return end
  call('DEL', p .. 'dead:' .. key)
  call('ZREM', p .. 'dead', key)
  call('HDEL', p .. 'buried', found[1]:sub(1, IDENTITY))
  unlist(found[1], 'd' .. key)
  return unpack(found)
end
local function bury(head, lane, record, fault, reason, died)
  local who, key = head:sub(1, IDENTITY), number()
  local before = call('HGET', p .. 'buried', who)
  if before then unbury(before) end
  local letter = p .. 'dead:' .. key
  call('HSET', letter, 'h', head, 'p', lane, 'r', record, 'f', fault, 'w', reason, 'd', died)
  call('ZADD', p .. 'dead', key, key)
  call('HSET', p .. 'buried', who, key)
  list(head, 'd' .. key)
  return before and 0 or 1
end

-- The ledger of Purchases. `told`: until when to keep it, a space, what is known; nil: as before.
local function book(lane, head, state, told)
  local who, ledger = head:sub(1, IDENTITY), p .. 'bought:' .. lane
  local till
  if told then till, told = told:match('^(%d+) (.*)$') end
  if till then
    call('ZADD', p .. 'bought', till, who .. lane)
    call('SADD', p .. 'buyers', lane)
  else
    local before = call('HGET', ledger, who)
    told = before and before:match(' (.*)$')
  end
  if told then call('HSET', ledger, who, state .. ' ' .. told) end
end
local function rebook(lane, head, state)
  if name(head) == PURCHASE then book(lane, head, state) end
end

-- Taking in.
local withdrawals
local there = {} -- No script takes a stream away after it has put something in.
local function ended(head, now)
  withdrawals = withdrawals or call('HLEN', p .. 'ended')
  if withdrawals == 0 or visitor(head) == NOBODY then return false end
  local time = call('HGET', p .. 'ended', visitor(head))
  if not time or made(head) > tonumber(time) then return false end
  return tonumber(call('ZSCORE', p .. 'ended:until', visitor(head))) > now
end
local function put(lane, head, record, fault, now, told)
  if known(head, now) then return 0 end
  local is_ended = ended(head, now)
  if told ~= '' then
    book(lane, head, is_ended and 'withdrawn' or fault ~= '' and 'dead' or 'waiting', told)
  end
  if is_ended then
    call('HINCRBY', p .. 'count', 'withdrawn', 1)
    remember(head, now)
    return 0
  end
  if fault ~= '' then return bury(head, lane, record, fault, fault, now) end
  local n, who, queue = number(), head:sub(1, IDENTITY), p .. 'queue:' .. lane
  if not there[lane] and call('SADD', p .. 'lanes', lane) == 1 then
    call('XGROUP', 'CREATE', queue, G, '0', 'MKSTREAM')
  end
  there[lane] = true
  call('XADD', queue, n .. '-0', 'h', head, 'r', record)
  met[who] = 'q' .. n
  queued[#queued + 1], queued[#queued + 2] = who, met[who]
  list(head, n)
  return 1
end
"""
)

# Without a flag Redis refuses a script as a whole when it has no memory left. Those that make
# room shall run all the same: what is half done there would be lost.
WRITES: Final = "#!lua\n" + COMMON
MAKES_ROOM: Final = "#!lua flags=allow-oom\n" + COMMON
READS: Final = "#!lua flags=no-writes\n" + COMMON
