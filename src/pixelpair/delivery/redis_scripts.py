"""What Redis does in one step for the outbox there: take in, claim, settle, erase.

Knows what is asked and answered; what is done to which key is in `redis_state`.
"""

from __future__ import annotations

from typing import Final

from pixelpair.delivery.redis_state import MAKES_ROOM, READS, WRITES

# now, the key of this spool's offsets or "", journal, offset, number of withdrawals,
# (pixel, visitor, time) of each, then (pixel, head, record, fault, ledger's word) of each event.
PUT: Final = (
    WRITES
    + """
local now, spool, journal, offset, count = tonumber(ARGV[1]), ARGV[2], ARGV[3], ARGV[4], ARGV[5]

local function withdraw(lane, who, time)
  local till = call('ZSCORE', p .. 'ended:until', who)
  if till and tonumber(till) > now then
    time = math.max(time, tonumber(call('HGET', p .. 'ended', who)))
  end
  call('HSET', p .. 'ended', who, time)
  call('ZADD', p .. 'ended:until', now + REMEMBER_WITHDRAWAL, who)
  local gone, dead = {}, 0
  for _, member in ipairs(call('SMEMBERS', p .. 'of:' .. who)) do
    local letter = member:match('^d(.*)')
    local head
    if letter then head = call('HGET', p .. 'dead:' .. letter, 'h') end
    if not letter then head = entry(lane, member) end
    if head and made(head) <= time then
      if letter then unbury(letter) else unlist(head, member) end
      if letter then dead = dead + 1 else gone[#gone + 1] = member end
      rebook(lane, head, 'withdrawn')
      remember(head, now, letter)
    end
  end
  if #gone > 0 then drop(lane, gone) end
  if #gone + dead > 0 then call('HINCRBY', p .. 'count', 'withdrawn', #gone + dead) end
end

local at = 6
for _ = 1, tonumber(count) do
  withdraw(ARGV[at], ARGV[at + 1], tonumber(ARGV[at + 2]))
  at = at + 3
end
local oldest = call('ZRANGE', p .. 'ended:until', 0, -WITHDRAWALS - 1)
parts('HDEL', p .. 'ended', oldest)
parts('ZREM', p .. 'ended:until', oldest)
local new, whole = 0, {}
for i = at + 1, #ARGV, 5 do whole[#whole + 1] = ARGV[i]:sub(1, IDENTITY) end
look_up(whole)
reserve(#whole)
for i = at, #ARGV, 5 do
  new = new + put(ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], now, ARGV[i + 4])
end
call('HSETNX', p .. 'count', 'ledger', ARGV[1])
if spool ~= '' then
  call('HSET', p .. spool, journal, offset)
  call('EXPIRE', p .. spool, KEEP_OFFSET)
end
fade()
return new
"""
)

# now, pixel. Gives whether anything but what nobody has read yet is due, or its stream is gone.
BESIDE: Final = (
    READS
    + """
local now, lane = ARGV[1], ARGV[2]
if call('SISMEMBER', p .. 'lanes', lane) == 0 then return 1 end
if call('EXISTS', p .. 'ready:' .. lane) == 1 then return 1 end
return math.min(1, call('ZCOUNT', p .. 'later:' .. lane, '-inf', now))
"""
)

# sender, now, limit, most bytes, idle ms after which a claim is taken over (0: do not look),
# pixels. Gives "number-0 tries ...", then head and record of each: to join those would take as
# long as to read them (4 of 11 µs an event).
CLAIM: Final = (
    MAKES_ROOM
    + """
local me, now, limit, most = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local idle, lanes = tonumber(ARGV[5]), {}

local function reap(lane)
  local cursor, found = '0-0', nil
  for _ = 1, 10 do
    found = call('XAUTOCLAIM', p .. 'queue:' .. lane, G, me, idle, cursor, 'COUNT', 1000, 'JUSTID')
    local numbers = {}
    for i, id in ipairs(found[2]) do numbers[i] = id:match('%d+') end
    give_back(lane, numbers)
    cursor = found[1]
    if cursor == '0-0' then return end
  end
end
local function wake(lane)
  local due = call('ZRANGEBYSCORE', p .. 'later:' .. lane, '-inf', now, 'LIMIT', 0, 5000)
  parts('ZREM', p .. 'later:' .. lane, due)
  for _, n in ipairs(due) do call('ZADD', p .. 'ready:' .. lane, n, n) end
end
local function unread(lane, below, count)
  local group = call('XINFO', 'GROUPS', p .. 'queue:' .. lane)[1]
  local last
  for i = 1, #group, 2 do if group[i] == 'last-delivered-id' then last = group[i + 1] end end
  return call('XRANGE', p .. 'queue:' .. lane, '(' .. last, below, 'COUNT', count)
end
local function first(lane)
  local ready = call('ZRANGE', p .. 'ready:' .. lane, 0, 0)[1]
  if ready then return tonumber(ready) end
  local next = unread(lane, '+', 1)[1]
  return next and tonumber(next[1]:match('%d+'))
end
local function take(lane, count, below)
  local queue, ready = p .. 'queue:' .. lane, p .. 'ready:' .. lane
  local numbers = call('ZRANGEBYSCORE', ready, '-inf', below or '+inf', 'LIMIT', 0, count)
  local rows = {}
  if #numbers > 0 then
    parts('ZREM', ready, numbers)
    for _, n in ipairs(numbers) do
      rows[#rows + 1] = call('XCLAIM', queue, G, me, 0, n .. '-0', 'FORCE')[1]
    end
  end
  count = count - #rows
  if below and count > 0 then count = #unread(lane, below, count) end
  if count > 0 then
    local fresh = call('XREADGROUP', 'GROUP', G, me, 'COUNT', count, 'STREAMS', queue, '>')
    for _, row in ipairs(fresh and fresh[1][2] or {}) do rows[#rows + 1] = row end
  end
  return rows
end

local heads, answer, bytes, taken = {}, {''}, 0, 0
local function give(lane, rows)
  local tried, surplus = call('EXISTS', p .. 'tries:' .. lane) == 1, {}
  for _, row in ipairs(rows) do
    local id, head, record = row[1], row[2][2], row[2][4]
    if taken > 0 and bytes + #record > most then
      surplus[#surplus + 1] = id:match('%d+')
    else
      bytes, taken = bytes + #record, taken + 1
      heads[2 * taken - 1], heads[2 * taken] = id, '0'
      local tries = tried and call('HGET', p .. 'tries:' .. lane, id:match('%d+'))
      if tries then heads[2 * taken] = tries end
      answer[2 * taken], answer[2 * taken + 1] = head, record
    end
  end
  give_back(lane, surplus)
  return #surplus == 0
end

for i = 6, #ARGV do
  if call('SISMEMBER', p .. 'lanes', ARGV[i]) == 1 then lanes[#lanes + 1] = ARGV[i] end
end
for _, lane in ipairs(lanes) do
  if idle > 0 then reap(lane) end
  wake(lane)
end
if #lanes == 1 then
  give(lanes[1], take(lanes[1], limit))
else -- the oldest of all lanes first
  local heads_of = {}
  for _, lane in ipairs(lanes) do heads_of[lane] = first(lane) end
  while taken < limit do
    local best, second
    for lane, n in pairs(heads_of) do
      if not best or n < heads_of[best] then best, second = lane, best and heads_of[best]
      elseif not second or n < second then second = n end
    end
    if not best then break end
    if not give(best, take(best, limit - taken, second)) then break end
    heads_of[best] = first(best)
  end
end
answer[1] = table.concat(heads, ' ')
return answer
"""
)

# now, then (pixel, name, "l" or "s", how many; their numbers; their identities; their visitors) of
# each group of at most PART. Not one record is read, and what many events need is one command: a
# command costs a script 0.7 µs before it does anything.
DELIVERED: Final = (
    MAKES_ROOM
    + """
local now, known = tonumber(ARGV[1]), p .. 'known'

local function forget_not(first, count, till)
  local last, waited, word = first + count - 1, {}, string.format('%d', till)
  local words, told = call('HMGET', known, unpack(ARGV, first, last)), {}
  for i = 1, count do
    -- One that is gone meanwhile, or came again, stays as it is; all else below is true of it.
    if words[i] == 'q' .. ARGV[first - count + i - 1] then
      waited[#waited + 1] = ARGV[first + i - 1]
      told[#told + 1], told[#told + 2] = ARGV[first + i - 1], word
    end
  end
  if #told > 0 then call('HSET', known, unpack(told)) end
  call('ZADD', p .. 'fading', till, table.concat(ARGV, '', first, last))
  return waited
end
local function book_all(lane, waited)
  local ledger, told = p .. 'bought:' .. lane, {}
  for i, before in ipairs(call('HMGET', ledger, unpack(waited))) do
    local said = before and before:match(' .*$')
    if said then told[#told + 1], told[#told + 2] = waited[i], 'delivered' .. said end
  end
  if #told > 0 then call('HSET', ledger, unpack(told)) end
end
local at = 2
while at < #ARGV do
  local lane, called, count = ARGV[at], ARGV[at + 1], tonumber(ARGV[at + 3])
  local numbers, who = at + 4, at + 4 + count
  if call('SISMEMBER', p .. 'lanes', lane) == 1 then
    local waited = forget_not(who, count, till_when(ARGV[at + 2], now))
    if #waited > 0 then
      if called == PURCHASE then book_all(lane, waited) end
      call('HINCRBY', p .. 'count', 'delivered', #waited)
      call('HINCRBY', p .. 'sent', lane .. '\\0' .. called, #waited)
    end
    for i = 0, count - 1 do
      local visitor = ARGV[who + count + i]
      if visitor ~= NOBODY then call('SREM', p .. 'of:' .. visitor, ARGV[numbers + i]) end
    end
    drop(lane, {unpack(ARGV, numbers, who - 1)})
  end
  at = who + 2 * count
end
"""
)

# sender, now, then (pixel, verdict, its first and second word, numbers in a row) of each group.
SETTLE: Final = (
    MAKES_ROOM
    + """
local me, now = ARGV[1], tonumber(ARGV[2])

local function mine(lane, n)
  return #call('XPENDING', p .. 'queue:' .. lane, G, n .. '-0', n .. '-0', 1, me) > 0
end
local obey = {}
function obey.dead(lane, numbers, reason)
  local gone = {}
  for _, n in ipairs(numbers) do
    local head, record = entry(lane, n)
    if head and mine(lane, n) then
      unlist(head, n)
      call('HDEL', p .. 'known', head:sub(1, IDENTITY))
      bury(head, lane, record, '', reason, now)
      rebook(lane, head, 'dead')
      gone[#gone + 1] = n
    end
  end
  return gone
end
function obey.held(lane, numbers)
  local back = {}
  for _, n in ipairs(numbers) do if mine(lane, n) then back[#back + 1] = n end end
  give_back(lane, back)
  return {}
end
function obey.retry(lane, numbers, due, counted)
  for _, n in ipairs(numbers) do
    if mine(lane, n) then
      call('XACK', p .. 'queue:' .. lane, G, n .. '-0')
      call('ZADD', p .. 'later:' .. lane, due, n)
      if counted == '1' then call('HINCRBY', p .. 'tries:' .. lane, n, 1) end
    end
  end
  return {}
end

for i = 3, #ARGV, 5 do
  local lane, numbers = ARGV[i], {}
  if call('SISMEMBER', p .. 'lanes', lane) == 1 then
    for n in ARGV[i + 4]:gmatch('%d+') do numbers[#numbers + 1] = n end
    local gone = obey[ARGV[i + 1]](lane, numbers, ARGV[i + 2], ARGV[i + 3])
    if #gone > 0 then drop(lane, gone) end
  end
end
fade()
"""
)

# now, pixel, then numbers. Gives how many are gone.
ERASE: Final = (
    MAKES_ROOM
    + """
local now, lane, gone = tonumber(ARGV[1]), ARGV[2], {}
for i = 3, #ARGV do
  local head = entry(lane, ARGV[i])
  if head then
    unlist(head, ARGV[i])
    remember(head, now)
    rebook(lane, head, 'withdrawn')
    gone[#gone + 1] = ARGV[i]
  end
end
if #gone > 0 then
  drop(lane, gone)
  call('HINCRBY', p .. 'count', 'withdrawn', #gone)
end
fade()
return #gone
"""
)
