extension DashboardTemplate {
    /// Every state has a sign and a word besides its colour. Text keeps a contrast of 4.5 to 1 in both schemes.
    static let style = """
        :root { color-scheme: light dark; --page: #f6f6f9; --card: #fff; --text: #1c1d26; --soft: #5c5f70;
          --line: #dfe0e8; --good: #14713d; --goodfill: #dff3e6; --busy: #1d5fa8; --busyfill: #e0edfb;
          --warn: #8a5200; --warnfill: #fcefd6; --bad: #b3261e; --badfill: #fbe4e2; --accent: #4a51b0; }
        @media (prefers-color-scheme: dark) { :root { --page: #14151b; --card: #1d1f28; --text: #ebecf2;
          --soft: #a5a8b8; --line: #333645; --good: #6fd69a; --goodfill: #15361f; --busy: #85bcf5; --busyfill: #15304d;
          --warn: #f0bb66; --warnfill: #402c08; --bad: #ff9d95; --badfill: #4a1a17; --accent: #a9aef5; } }
        * { box-sizing: border-box; margin: 0; }
        [hidden] { display: none !important; }
        body { background: var(--page); color: var(--text); font: 16px/1.5 system-ui, sans-serif; }
        header, main { max-width: 68rem; margin: 0 auto; padding: 0 1rem; }
        header { display: flex; flex-wrap: wrap; align-items: center; gap: .5rem 1rem; padding-top: 1.25rem; }
        h1 { font-size: 1.5rem; letter-spacing: -.01em; color: var(--accent); flex: 1; }
        h2 { font-size: 1.1rem; margin: 1.5rem 0 .5rem; }
        h3 { font-size: 1rem; display: flex; justify-content: space-between; }
        ul, ol { list-style: none; padding: 0; }
        button { font: inherit; color: var(--text); background: var(--card); border: 1px solid var(--soft);
          border-radius: .5rem; padding: .3rem .9rem; min-height: 2.25rem; cursor: pointer; }
        button:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
        #lost { color: var(--bad); background: var(--badfill); padding: .2rem .7rem; border-radius: .5rem; }
        .summary { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; margin-top: .25rem; }
        .summary span, .summary time, .empty, .count, .lines { color: var(--soft); }
        .summary .good { color: var(--good); } .summary .bad { color: var(--bad); }
        .count { font-weight: normal; font-size: .85rem; }
        .services { display: grid; grid-template-columns: repeat(auto-fill, minmax(15rem, 1fr)); gap: .75rem; }
        .services > li, .order { background: var(--card); border: 1px solid var(--line); border-radius: .75rem;
          padding: .75rem .9rem; }
        .instance { display: grid; grid-template-columns: 1.4rem 1fr auto; font-size: .9rem; padding-top: .3rem; }
        .instance .address, .instance .detail { grid-column: 2 / 4; color: var(--soft); font-size: .8rem;
          overflow-wrap: anywhere; }
        .up .mark, .up .state { color: var(--good); } .unready .mark, .unready .state { color: var(--warn); }
        .down .mark, .down .state { color: var(--bad); }
        .orders { display: grid; gap: .75rem; padding-bottom: 2rem; }
        .head { display: flex; flex-wrap: wrap; align-items: center; gap: .25rem .75rem; }
        .head code { font-size: .8rem; color: var(--soft); overflow-wrap: anywhere; }
        .head .total { font-weight: 600; font-variant-numeric: tabular-nums; margin-left: auto; }
        .head time { color: var(--soft); font-size: .85rem; }
        .badge { border-radius: 1rem; padding: 0 .7rem; font-size: .85rem; font-weight: 600; }
        .badge.pending { color: var(--busy); background: var(--busyfill); }
        .badge.confirmed { color: var(--good); background: var(--goodfill); }
        .badge.cancelled { color: var(--bad); background: var(--badfill); }
        .lines { font-size: .9rem; overflow-wrap: anywhere; }
        .steps { display: grid; grid-template-columns: repeat(4, 1fr); gap: .4rem; margin-top: .4rem; }
        .steps li { border-radius: .5rem; padding: .25rem .6rem; font-size: .85rem; background: var(--page);
          color: var(--soft); border-top: 3px solid var(--line); line-height: 1.35; }
        .steps .mark { margin-right: .35rem; } .steps .name { font-weight: 600; color: var(--text); }
        .steps .phase { display: block; }
        .steps .succeeded { border-color: var(--good); background: var(--goodfill); color: var(--good); }
        .steps .running { border-color: var(--busy); background: var(--busyfill); color: var(--busy); }
        .steps .compensating, .steps .compensated { border-color: var(--warn); background: var(--warnfill);
          color: var(--warn); }
        .steps .failed { border-color: var(--bad); background: var(--badfill); color: var(--bad); }
        .reason { margin-top: .4rem; font-size: .9rem; color: var(--bad); }
        @media (max-width: 34rem) { .steps { grid-template-columns: repeat(2, 1fr); } .head .total { margin-left: 0; } }
        """
}
