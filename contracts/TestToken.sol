// SPDX-License-Identifier: MIT
pragma solidity 0.8.28;

/// A token (ERC-20) for tests, with eight decimals, errors as ERC-6093 has them: anybody may mint, and freeze an
/// account, as the keeper of a wrapped coin can. Never deployed where money is.
contract TestToken {
    string public constant name = "Test bitcoin";
    string public constant symbol = "TBTC";
    uint8 public constant decimals = 8;

    uint256 public totalSupply;
    mapping(address owner => uint256) public balanceOf;
    mapping(address owner => mapping(address spender => uint256)) public allowance;

    mapping(address owner => bool) public frozen;

    event Transfer(address indexed from, address indexed to, uint256 value);
    event Approval(address indexed owner, address indexed spender, uint256 value);

    error ERC20InsufficientBalance(address sender, uint256 balance, uint256 needed);
    error ERC20InsufficientAllowance(address spender, uint256 allowance, uint256 needed);
    error ERC20InvalidReceiver(address receiver);
    error ERC20InvalidSpender(address spender);
    error AccountFrozen(address account);

    /// Until it is thawed nothing leaves an account and nothing reaches it.
    function freeze(address account, bool yes) external {
        frozen[account] = yes;
    }

    function mint(address to, uint256 value) external {
        require(to != address(0), ERC20InvalidReceiver(to));
        totalSupply += value;
        balanceOf[to] += value;
        emit Transfer(address(0), to, value);
    }

    function approve(address spender, uint256 value) external returns (bool) {
        require(spender != address(0), ERC20InvalidSpender(spender));
        allowance[msg.sender][spender] = value;
        emit Approval(msg.sender, spender, value);
        return true;
    }

    function transfer(address to, uint256 value) external returns (bool) {
        move(msg.sender, to, value);
        return true;
    }

    function transferFrom(address from, address to, uint256 value) external returns (bool) {
        uint256 allowed = allowance[from][msg.sender];
        require(allowed >= value, ERC20InsufficientAllowance(msg.sender, allowed, value));
        if (allowed != type(uint256).max) allowance[from][msg.sender] = allowed - value;
        move(from, to, value);
        return true;
    }

    function move(address from, address to, uint256 value) private {
        uint256 balance = balanceOf[from];
        require(to != address(0), ERC20InvalidReceiver(to));
        require(!frozen[from], AccountFrozen(from));
        require(!frozen[to], AccountFrozen(to));
        require(balance >= value, ERC20InsufficientBalance(from, balance, value));
        balanceOf[from] = balance - value;
        balanceOf[to] += value;
        emit Transfer(from, to, value);
    }
}
